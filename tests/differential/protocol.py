#!/usr/bin/env python3
"""Malformed and unusual protocol input: raw bytes to both servers, the raw answers and the fate of the connection compared.

A list of hand-made cases, each also cut at random into several writes, then random mutations of valid requests. After
each input a PING with a marker is sent; the answer is complete when the marker's echo or the end of the connection
arrives, so nothing waits for silence (where input is left hanging inside a request, the marker becomes part of it: then
both servers are watched until they are equally quiet).
"""

import argparse
import os
import random
import re
import select
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from resp import encode  # noqa: E402
from servers import Server  # noqa: E402

BIG = b"x" * 200000
CASES = [
    b"PING\r\n", b"PING\n", b"ping\r\n", b"\r\n", b"\n", b"\r\n\r\nPING\r\n", b"   \r\nPING\r\n", b"  PING  \r\n", b"PING hello\r\n",
    b'PING "hello world"\r\n', b"PING 'hello world'\r\n", b'PING "a\\x41\\n\\r\\t\\b\\a\\\\\\""\r\n', b"PING 'it\\'s'\r\n", b'PING "unbalanced\r\n',
    b"PING 'unbalanced\r\n", b'PING "a"b\r\n', b"PING 'a'b\r\n", b'PING "\\xZZ"\r\n', b'PING ""\r\n', b"PING a\tb\r\n", b"PING\ta\r\n",
    b"SET a\x00b c\r\nGET a\x00b\r\n", b"\x00\r\n", b"PING\x00\r\n", b"PING\rPING\r\n", b"PING\r\r\n", b"GET\r\n", b"NOSUCH a b c\r\n", b"QUIT\r\nPING\r\n",
    b"*1\r\n$4\r\nPING\r\n", b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n", b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", b"*0\r\n", b"*0\r\n*1\r\n$4\r\nPING\r\n", b"*-1\r\n",
    b"*-1\r\n*1\r\n$4\r\nPING\r\n", b"*-10\r\nPING\r\n", b"*\r\n", b"*a\r\n", b"*1a\r\n", b"* 1\r\n", b"*+1\r\n$4\r\nPING\r\n", b"*01\r\n$4\r\nPING\r\n",
    b"*1048576\r\n", b"*1048577\r\n", b"*2147483647\r\n", b"*2147483648\r\n", b"*9223372036854775807\r\n", b"*99999999999999999999\r\n", b"*-9223372036854775808\r\n",
    b"*1\r\n+PING\r\n", b"*1\r\n:1\r\n", b"*1\r\nPING\r\n", b"*1\r\n\r\n", b"*1\r\n*1\r\n", b"*1\r\n\x00\r\n", b"*1\r\n\xff\r\n",
    b"*1\r\n$\r\n", b"*1\r\n$-1\r\n", b"*1\r\n$-2\r\nPING\r\n", b"*1\r\n$a\r\n", b"*1\r\n$4a\r\nPING\r\n", b"*1\r\n$ 4\r\nPING\r\n", b"*1\r\n$04\r\nPING\r\n", b"*1\r\n$+4\r\nPING\r\n",
    b"*1\r\n$536870913\r\n", b"*1\r\n$2147483648\r\n", b"*1\r\n$9223372036854775807\r\n", b"*1\r\n$99999999999999999999\r\n", b"*1\r\n$0\r\n\r\n", b"*2\r\n$0\r\n\r\n$1\r\na\r\n",
    b"*1\r\n$4\r\nPINGXX*1\r\n$4\r\nPING\r\n", b"*1\r\n$4\r\nPING\n\n", b"*1\r\n$3\r\nPING\r\n", b"*1\r\n$5\r\nPING\r\n\r\n", b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$-1\r\n",
    b"*2\r\n$3\r\nGET\r\n$1\r\na\r\nPING\r\n*1\r\n$4\r\nPING\r\n", b"*1\n$4\nPING\n", b"*1\r\n$4\n\nPING\r\n", b"$4\r\nPING\r\n", b"+PING\r\n", b":1\r\n", b"-ERR x\r\n", b"_\r\n", b"%1\r\n", b"~1\r\n",
    b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n", b"POST\r\n", b"Host: x\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"\xff\xff\xff\xff\r\n",
    BIG, BIG + b"\r\n", b"*" + b"1" * 200000, b"*1\r\n$" + b"1" * 200000, b"*1\r\n" + BIG, b"PING " + b"y" * 60000 + b"\r\n", b"*2\r\n$4\r\nECHO\r\n$200000\r\n" + BIG + b"\r\n",
    b"*1\r\n$200000\r\n" + BIG + b"\r\n", b"*3\r\n$3\r\nFOO\r\n$3\r\na\r\n\r\n$2\r\n\x00\xff\r\n", b"*2\r\n$6\r\nFOO\r\n\r\n\r\n$1\r\nb\r\n", b"*1\r\n$7\r\nGET\r\nX\x01\r\n",
    b"MULTI\r\nSET a\r\nEXEC\r\n", b"MULTI\r\n*1\r\n$-1\r\n", b"MULTI\r\nPING\r\nEXEC\r\n", b"*2\r\n$4\r\nPING\r\n$3\r\nabc\r\n*2\r\n$4\r\nPING\r\n$-5\r\n",
    b"HELLO 3\r\nPING\r\nHGETALL nokey\r\nGET nokey\r\n", b"HELLO 4\r\n", b"HELLO x\r\n", b"HELLO 3 SETNAME\r\n", b"HELLO 3 FOO\r\n", b"HELLO 3 AUTH a\r\n", b"HELLO 2 SETNAME a\xffb\r\n",
    b"HELLO 3 SETNAME 'a b'\r\n", b"HELLO 3 AUTH default wrong\r\nPING\r\n", b"AUTH x\r\n", b"AUTH x y\r\n", b"AUTH x y z\r\n",
    b"RESET\r\nPING\r\n", b"HELLO 3\r\nRESET\r\nHGETALL nokey\r\n", b"SUBSCRIBE a\r\nPING\r\nGET a\r\nUNSUBSCRIBE\r\nGET a\r\n", b"SUBSCRIBE a\r\nPING x\r\nQUIT\r\n",
    b"HELLO 3\r\nSUBSCRIBE a\r\nGET a\r\nPING\r\nUNSUBSCRIBE a\r\n", b"CLIENT REPLY OFF\r\nPING\r\nCLIENT REPLY ON\r\nPING\r\n", b"CLIENT REPLY SKIP\r\nPING\r\nPING\r\n",
    b"CLIENT REPLY FOO\r\n", b"*0\r\n" * 500 + b"PING\r\n", b"\r\n" * 500 + b"PING\r\n", b"PING\r\n" * 300,
]
VALID = [encode(c) for c in ([b"PING"], [b"SET", b"k", b"v"], [b"GET", b"k"], [b"ECHO", b"hello"], [b"MGET", b"a", b"b", b"c"], [b"LPUSH", b"l", b"1", b"2"], [b"LRANGE", b"l", b"0", b"-1"], [b"NOSUCH"], [b"SET", b"k"], [b"INCR", b"k"])]
VALID += [b"PING\r\n", b"SET k 'v v'\r\n", b'ECHO "a\\x00b"\r\n']
GRAINS = [b"\r\n", b"\n", b"\r", b"*", b"$", b"-1", b"0", b"1", b"9", b"\x00", b"\xff", b" ", b'"', b"'", b"\\", b"*1\r\n", b"$4\r\n", b"+", b"-", b"99999999999", b"PING"]
HTTP = re.compile(rb"(?i)(^|\n)(post|host:)")
MARK = b"mark-7f3a"
MARKER = encode([b"ECHO", MARK])


class Probe:
    """A raw connection and what it has answered."""

    def __init__(self, server):
        self.sock = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.got, self.closed = b"", False

    def send(self, data):
        try:
            self.sock.sendall(data)
        except OSError:
            pass

    def read_some(self):
        try:
            data = self.sock.recv(1 << 20)
        except OSError:
            data = b""
        if data:
            self.got += data
        else:
            self.closed = True

    def state(self):
        return (self.got, self.closed)


def settle(a, b, patience):
    """Reads both until each has echoed the marker or closed, or both agree and have been quiet, or patience ends."""
    deadline = time.monotonic() + patience
    done = lambda p: p.closed or MARK in p.got
    while not (done(a) and done(b)):
        if time.monotonic() > deadline:
            return
        waiting = [p.sock for p in (a, b) if not p.closed]
        # Hanging inside a request: neither will say more. Same answers and a quiet moment are enough then.
        quiet = 0.06 if a.state() == b.state() else max(0.0, deadline - time.monotonic())
        ready, _, _ = select.select(waiting, [], [], quiet)
        if not ready and a.state() == b.state():
            return
        for p in (a, b):
            if p.sock in ready:
                p.read_some()


def clean(got):
    """HELLO answers the server's own name and version and a client id; those are not compared."""
    lines = got.split(b"\r\n")
    for i, line in enumerate(lines):
        if line in (b"server", b"version") and i + 2 < len(lines):
            lines[i + 1] = lines[i + 2] = b"*"
        if line == b"id" and i + 1 < len(lines):
            lines[i + 1] = b"*"
    return b"\r\n".join(lines)


def try_case(data, reference, tested, pieces=None, patience=5.0):
    """Returns None or a description of the difference."""
    a, b = Probe(reference), Probe(tested)
    for p in (a, b):
        for piece in pieces or [data]:
            p.send(piece)
        p.send(MARKER)
    settle(a, b, patience)
    for p in (a, b):
        p.sock.close()
    ref, sut = clean(a.got), clean(b.got)
    if ref == sut and a.closed == b.closed:
        return None
    # Who speaks HTTP is cut off at once, and what was answered before that arrives or is lost by the timing of the socket.
    if HTTP.search(data) and a.closed and b.closed and (ref.startswith(sut) or sut.startswith(ref)):
        return None
    return f"  reference: {ref[:600]!r} closed={a.closed}\n  tested:    {sut[:600]!r} closed={b.closed}"


def cut(g, data):
    points = sorted(g.randrange(len(data) + 1) for _ in range(g.randint(1, 6)))
    return [data[i:j] for i, j in zip([0] + points, points + [len(data)])]


def mutate(g):
    data = bytearray(b"".join(g.choice(VALID) for _ in range(g.randint(1, 3))))
    for _ in range(g.choice([1, 1, 2, 3])):
        at = g.randrange(len(data) + 1)
        x = g.random()
        if x < 0.35:
            data[at:at] = g.choice(GRAINS)
        elif x < 0.65:
            del data[at : at + g.randint(1, 3)]
        elif x < 0.9:
            data[at : at + 1] = g.choice(GRAINS)
        else:
            data[at : at + 1] = bytes([g.randrange(256)])
    return bytes(data) or b"\r\n"


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--server", default="target/debug/larder")
    p.add_argument("--reference", default="redis-server")
    p.add_argument("--mutations", type=int, default=1500)
    p.add_argument("--seed", default=None)
    p.add_argument("--limit", type=int, default=20, help="stop after so many differences")
    o = p.parse_args()
    seed = o.seed or str(random.SystemRandom().randrange(1 << 32))
    g = random.Random(seed)
    print(f"protocol: {len(CASES)} cases and {o.mutations} mutations; seed {seed}", flush=True)
    inputs = [(c, None) for c in CASES] + [(c, cut(g, c)) for c in CASES if len(c) < 1000]
    wrong = done = 0
    with Server(o.reference, label="reference") as reference, Server(o.server, label="tested") as tested:
        for i in range(len(inputs) + o.mutations):
            data, pieces = inputs[i] if i < len(inputs) else (mutate(g), None)
            if b"SHUTDOWN" in data.upper():
                continue
            done += 1
            # A server that closes at once may lose what it had answered, by the timing of the socket alone: a real
            # difference shows every time.
            for _ in range(3):
                why = try_case(data, reference, tested, pieces)
                if not why:
                    break
            if why:
                wrong += 1
                print(f"MISMATCH for {data[:300]!r}{f' (len {len(data)})' if len(data) > 300 else ''} sent in {len(pieces or [0])} pieces\n{why}", flush=True)
                if wrong >= o.limit or not tested.alive():
                    if not tested.alive():
                        print("the tested server died; its log ends:\n" + tested.log()[-2000:])
                    break
    print(f"protocol: {done} inputs, {wrong} differences, seed {seed}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

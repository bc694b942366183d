"""A tiny RESP client of our own, so that no client library hides a difference.

A reply is a tuple (type, value) with the type byte as a one-character string: ('+', b'OK'), ('-', b'ERR ...'),
(':', 3), ('$', b'..' or None), ('*', [replies] or None), and in RESP3 ('_', None), (',', b'1.5'), ('#', b't'),
('(', b'..'), ('=', b'txt:..'), ('%', [key, value, ...]), ('~', [..]), ('>', [..]). An attribute ('|') is dropped
in favour of the reply it decorates. Tuples compare with ==, so type and bytes must both agree.
"""

import select
import socket
import time

MISSING = ("?", b"no reply came before the deadline or the connection was closed")


class Incomplete(Exception):
    """The buffer ends inside a reply."""


class Malformed(Exception):
    """The bytes are not RESP."""


def encode(args):
    """One request as a RESP array of bulk strings."""
    out = [b"*%d\r\n" % len(args)]
    for a in args:
        out.append(b"$%d\r\n%b\r\n" % (len(a), a))
    return b"".join(out)


def parse(buf, pos):
    """Parses one reply at `pos`; returns (reply, next position)."""
    end = buf.find(b"\r\n", pos)
    if end < 0:
        raise Incomplete
    kind = chr(buf[pos])
    line = bytes(buf[pos + 1 : end])
    pos = end + 2
    if kind == "$" or kind == "=":
        n = int(line)
        if n < 0:
            return (kind, None), pos
        if len(buf) < pos + n + 2:
            raise Incomplete
        if buf[pos + n : pos + n + 2] != b"\r\n":
            raise Malformed("a bulk string does not end in CRLF")
        return (kind, bytes(buf[pos : pos + n])), pos + n + 2
    if kind == ":":
        return (kind, int(line)), pos
    if kind in "+-,#(":
        return (kind, line), pos
    if kind == "_":
        return (kind, None), pos
    if kind in "*~>%|":
        n = int(line)
        if n < 0:
            return (kind, None), pos
        if kind in "%|":
            n *= 2
        items = []
        for _ in range(n):
            item, pos = parse(buf, pos)
            items.append(item)
        if kind == "|":
            return parse(buf, pos)
        return (kind, items), pos
    raise Malformed(f"unexpected type byte {kind!r}")


class Connection:
    """One socket. `timeout` is in seconds and is for the whole of one call."""

    def __init__(self, host, port, timeout=15.0):
        self.host, self.port, self.timeout = host, port, timeout
        self.open()

    def open(self):
        self.sock = socket.create_connection((self.host, self.port), timeout=self.timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)
        self.buf = bytearray()

    def close(self):
        self.sock.close()

    def call(self, *args):
        return self.pipeline([args])[0]

    def pipeline(self, requests):
        """Sends all requests, reads as many replies. What never came is MISSING."""
        return exchange([self], requests)[0]


def exchange(connections, requests):
    """Sends the same requests to every connection at once and returns the replies of each.

    Reading and writing are interleaved, so neither side can fill a socket buffer and wait for the other."""
    wire = b"".join(encode(r) for r in requests)
    want = len(requests)
    pending = {c: memoryview(wire) for c in connections}
    replies = {c: [] for c in connections}
    position = {c: 0 for c in connections}
    live = set(connections)
    deadline = time.monotonic() + max(c.timeout for c in connections)
    while live:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        by_sock = {c.sock: c for c in live}
        writers = [c.sock for c in live if pending[c]]
        readable, writable, _ = select.select(list(by_sock), writers, [], left)
        for s in writable:
            c = by_sock[s]
            try:
                pending[c] = pending[c][s.send(pending[c][:262144]) :]
            except BlockingIOError:
                pass
            except OSError:
                live.discard(c)
        for s in readable:
            c = by_sock[s]
            try:
                data = s.recv(1 << 20)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if not data:
                live.discard(c)
                continue
            c.buf += data
            try:
                while len(replies[c]) < want:
                    reply, position[c] = parse(c.buf, position[c])
                    if reply[0] != ">":
                        replies[c].append(reply)
            except (Incomplete, IndexError):
                pass
            except (Malformed, ValueError) as e:
                replies[c].append(("?", f"malformed reply: {e}: {bytes(c.buf[position[c]:position[c] + 80])!r}".encode()))
                live.discard(c)
                continue
            if len(replies[c]) == want:
                live.discard(c)
    for c in connections:
        del c.buf[: position[c]]
        if len(replies[c]) < want:
            replies[c] += [MISSING] * (want - len(replies[c]))
            c.close()
            try:
                c.open()
            except OSError:
                pass
    return [replies[c] for c in connections]


def show(reply, limit=400):
    """A reply on one line, shortened."""
    kind, value = reply
    if isinstance(value, list):
        text = f"{kind}[{len(value)}: " + ", ".join(show(v, 80) for v in value) + "]"
    elif value is None:
        text = f"{kind}nil"
    elif isinstance(value, bytes):
        text = f"{kind}{value!r}"
    else:
        text = f"{kind}{value}"
    return text if len(text) <= limit else text[: limit - 20] + f"...({len(text)} chars)"


def show_command(args, limit=600):
    """A command as one could paste it, shortened."""
    words = []
    for a in args:
        t = repr(a)[1:]
        words.append(t if len(t) < 120 else f"{t[:80]}...({len(a)} bytes)'")
    text = " ".join(words)
    return text if len(text) <= limit else text[:limit] + f" ...({len(args)} words)"

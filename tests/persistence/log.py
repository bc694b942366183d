"""The log of the server under test, request by request, beside that of redis-server after the same random commands.

Both run with `appendonly yes`. The generators of `tests/differential` make the commands; the incremental files are then
parsed and must be equal up to what is listed in `INTENDED`, and up to chance and clock: members that SPOP took are
compared by their number, moments within a few seconds. In the end each server must load its own log and hold what it
held before.
"""

import difflib
import glob
import os
import random
import sys
import time

from kit import Failure, Node, check, encode, main, options, read_requests, show_command, value

import families
from gen import Gen
from resp import exchange

FAMILIES = ["strings", "lists", "sets", "sorted_sets", "hashes", "keys", "bitmaps", "hyperloglogs", "geo", "streams", "transactions"]
NEAR_MS = 20_000
HUNKS_SHOWN = 12

# What the two logs may differ in on purpose: (why, function that gives a request's common form).
INTENDED = []


def intended(why):
    def add(f):
        INTENDED.append((why, f))
        return f
    return add


@intended("names of commands and options may be in any case")
def lower_name(request):
    request = [request[0].lower(), *request[1:]]
    return request[:3] + [w.lower() for w in request[3:]] if request[0] == b"lmove" else request


@intended("a condition of EXPIRE or SET that held is not repeated, nor KEEPTTL when it was given twice")
def condition(request):
    if request[0] == b"set":
        options = [w for w in map(bytes.upper, request[3:]) if w not in (b"NX", b"XX")]
        return request[:3] + (options[:1] if set(options) == {b"KEEPTTL"} else options)
    return request[:3] if request[0] == b"pexpireat" else request


@intended("GEOADD is repeated as it came, not as the ZADD it came to: compared by members")
def places(request):
    width = {b"geoadd": 3, b"zadd": 2}.get(request[0])
    if width is None:
        return request
    words = request[2:]
    while words and words[0].upper() in (b"NX", b"XX", b"CH"):
        words = words[1:]
    if width == 2 and not all(w.isdigit() for w in words[::2]):
        return request
    return [b"geoadd", request[1], *words[width - 1 :: width]]


@intended("what SPOP took is by chance: compared by number")
def chance(request):
    return [b"srem", request[1], b"%d members" % (len(request) - 2)] if request[0] == b"srem" and len(request) > 2 else request


@intended("a trim that is repeated exactly has no LIMIT, which exact trims do not take")
def exact_trim(request):
    if request[0] not in (b"xtrim", b"xadd") or b"=" not in request:
        return request
    at = next((i for i, w in enumerate(request) if w.upper() == b"LIMIT" and i > request.index(b"=")), None)
    return request if at is None else request[:at] + request[at + 2 :]


def is_moment(word):
    return 13 <= len(word) <= 16 and word.isdigit()


def same_moments(a, b):
    return all(x == y or abs(int(x) - int(y)) < NEAR_MS for x, y in zip(a, b))


def forgotten(request):
    """Intended, too: a BITFIELD that was refused but has made the string longer is repeated, the reference forgets it; SWAPDB of
    a database with itself changes nothing, the reference repeats it."""
    if request[0] == b"swapdb" and request[1] == request[2]:
        return True
    return request[0] == b"bitfield" and b"FAIL" in map(bytes.upper, request)


def common(name, requests):
    for _, form in INTENDED:
        if form is not places or name in ("directed", "geo"):
            requests = [form(r) for r in requests]
    return one_removal([r for r in requests if not forgotten(r)])


def one_removal(requests):
    """Intended, too: SPOP of several members is one SREM, not one for each between MULTI and EXEC."""
    out = []
    for r in requests:
        if r[0] == b"srem" and len(r) == 3:
            count = int(r[2].split()[0])
            if out and out[-1][:2] == r[:2] and len(out[-1]) == 3:
                count += int(out.pop()[2].split()[0])
            r = [b"srem", r[1], b"%d members" % count]
        if r == [b"exec"] and len(out) > 1 and out[-2] == [b"multi"] and out[-1][0] == b"srem":
            single = out.pop()
            out[-1] = single
            if len(out) > 1 and out[-2][:2] == single[:2] and len(out[-2]) == 3:
                out.pop()
                out[-1] = [b"srem", single[1], b"%d members" % sum(int(r[2].split()[0]) for r in (out[-1], single))]
            continue
        out.append(r)
    return out


def increments(node):
    out = []
    for path in sorted(glob.glob(node.path("appendonlydir", "*.incr.aof"))):
        out += read_requests(path)
    return out


def directed(pair):
    """What random commands seldom meet: expired keys found by each way, SELECT around MULTI, blocking pops, no change at all."""
    c, blocked = [n.connect() for n in pair], [n.connect() for n in pair]

    ours = {name.upper() for name in value(c[1].call(b"COMMAND", b"LIST"))}

    def run(*lines):
        requests = [line.encode().split(b" ") for line in lines]
        return exchange(c, [r for r in requests if r[0] in ours])

    run("CONFIG SET hz 500", "DEBUG SET-ACTIVE-EXPIRE 0")
    run(*[f"PSETEX gone{i} 1 v" for i in range(12)], "HSET goneh f v", "PEXPIRE goneh 1", "SADD gones a b", "PEXPIRE gones 1")
    time.sleep(0.05)
    run("GET gone0", "EXISTS gone1", "TTL gone2", "SET gone3 new", "APPEND gone4 v", "DEL gone5", "INCR gone6", "RENAME gone7 x", "EXPIRE gone8 100",
        "MULTI", "GET gone9", "SET other v", "EXEC", "MULTI", "GET gone10", "EXEC", "HGETALL goneh", "SUNIONSTORE d gones gone11", "RANDOMKEY", "DBSIZE")
    run("SELECT 3", "MULTI", "SET a 1", "SELECT 4", "SET b 2", "SELECT 3", "EXEC", "GET a", "SELECT 0", "SET c 3", "MULTI", "SELECT 7", "EXEC", "SET d7 1",
        "MOVE d7 2", "SELECT 0", "SWAPDB 3 4", "COPY c c2 DB 5", "COPY c c3", "MULTI", "EXEC", "MULTI", "SET only one", "EXEC", "MULTI", "INCR s", "LPUSH s x",
        "SET t 1", "EXEC", "SET k v EX 100", "SET k v PX 100000 NX", "SET k v XX KEEPTTL", "GETEX k PERSIST", "GETEX k EX 50", "GETEX k", "GETDEL k", "GETDEL k", "SETEX k 100 v", "PSETEX k 100000 v",
        "EXPIRE k 0", "SET k v", "EXPIRE k 100 GT", "EXPIRE k 100 LT", "PEXPIREAT k 1", "INCRBYFLOAT f 1.5", "HINCRBYFLOAT hf a 0.1", "SPOP nosuch", "SADD p a", "SPOP p",
        "SADD p a b c", "SPOP p 2", "SPOP p 5", "SADD p a b c d e f g h i j", "SPOP p 8", "RESTORE r 0 x", "DUMP f", "PFADD h a", "PFADD h a", "PFCOUNT h", "PFMERGE h2 h", "SORT nosuch STORE x",
        "RPUSH l 3 1 2", "SORT l STORE sorted", "LMOVE l l2 LEFT RIGHT", "RPOPLPUSH l l2", "LMPOP 1 l LEFT COUNT 2", "BLMPOP 1 1 l2 LEFT", "BLPOP l2 1", "ZADD z 1 a 2 b", "ZADD z NX 5 a", "ZADD z INCR 1 a",
        "BZPOPMIN z 1", "ZMPOP 1 z MIN", "FLUSHDB", "FLUSHDB", "SELECT 2", "FLUSHALL", "SETBIT x 3 0", "SETRANGE y 3 abc", "GETSET y v", "MSET a 1 b 2", "MSETNX a 1 c 2", "MSETNX c 1", "LREM l 0 x", "LTRIM l 0 0",
        "RPUSH l 1 2 3", "LTRIM l 5 9", "HSETNX h1 f v", "HSETNX h1 f v", "HDEL h1 f", "GEOADD g 13 38 p", "GEOSEARCHSTORE g2 g FROMMEMBER p BYRADIUS 1 km", "OBJECT FREQ g", "TOUCH g", "PERSIST g", "RENAME g g3", "RENAMENX g3 y", "SELECT 0")
    for request in ("BLPOP q1 q2 0", "BLMOVE q1 q3 LEFT RIGHT 0", "BRPOPLPUSH q1 q3 0", "BLMPOP 0 1 q1 LEFT COUNT 5", "BZPOPMAX q1 0", "BZMPOP 0 1 q1 MIN COUNT 3"):
        for b, n, cc in zip(blocked, pair, c):
            b.sock.setblocking(True)
            b.sock.sendall(encode(request.encode().split(b" ")))
            b.sock.setblocking(False)
            n.wait_for("a blocked client", lambda n=n: n.info("clients", "blocked_clients") == "1")
            feed = [b"ZADD q1 1 a 2 b 3 c"] if b"Z" in request.encode() else [b"MULTI", b"RPUSH q1 a b", b"SET inside 1", b"EXEC"]
            cc.pipeline([f.split(b" ") for f in feed])
            n.wait_for("nobody blocked", lambda n=n: n.info("clients", "blocked_clients") == "0")
            cc.pipeline([[b"DEL", b"q1"]])
            b.close()
            b.open()
    run("SET last 1")
    time.sleep(0.1)
    for x in c + blocked:
        x.close()


def compare(name, pair):
    for node in pair:
        node.call("SET", "the", "end")
        # Both write a log as soon as a turn is over; ours on a thread.
        node.wait_for("the log is written", lambda n=node: increments_whole(n))
    ref, own = (common(name, increments(n)) for n in pair)
    hidden = [[tuple(b"<moment>" if is_moment(w) else w for w in r) for r in log] for log in (ref, own)]
    if hidden[0] != hidden[1]:
        first = next((i for i, (a, b) in enumerate(zip(*hidden)) if a != b), min(map(len, hidden)))
        # Only a part, for this takes quadratic time.
        part = slice(max(0, first - 5), first + 300)
        ref, own, hidden = ref[part], own[part], [h[part] for h in hidden]
        hunks = [h for h in difflib.SequenceMatcher(None, *hidden, autojunk=False).get_opcodes() if h[0] != "equal"]
        lines = [f"{name}: the logs differ from request {first} on:"]
        for _, a, b, c, d in hunks[:HUNKS_SHOWN]:
            lines.append("    behind: " + "  |  ".join(show_command(r, 100) for r in ref[max(0, a - 3) : a]))
            lines += ["      reference: " + show_command(r, 200) for r in ref[a : min(b, a + 8)]]
            lines += ["      tested:    " + show_command(r, 200) for r in own[c : min(d, c + 8)]]
        raise Failure("\n".join(lines))
    for a, b in zip(ref, own):
        check(same_moments(a, b), f"{name}: moments far apart: {show_command(a)} and {show_command(b)}")
    return len(own)


def increments_whole(node):
    try:
        return increments(node)[-1] == [b"SET", b"the", b"end"]
    except Exception:
        return False


def reload(name, pair):
    for node in pair[1:]:
        before = node.digest()
        node.kill()
        node.start()
        after = node.digest()
        check(before == after, f"{name}: {node.binary} held {before} and loaded {after}; files in {node.directory}")


def run(o):
    print(f"log: seed {o.seed}", flush=True)
    count = 0
    names = FAMILIES if o.families == "all" else o.families.split(",")
    for name in ["directed", *names]:
        # The reference's own cron must not come between; what expires does so when it is found.
        on = {"appendonly": "yes", "appendfsync": "no", "auto-aof-rewrite-percentage": "0"}
        with Node(o.reference, on) as ref, Node(o.server, on) as own:
            pair = [ref.start(), own.start()]
            if name == "directed":
                directed(pair)
            else:
                family = families.load(name)
                g = Gen(f"{o.seed}/{name}")
                c = [n.connect() for n in pair]
                family.prepare(c[0])
                theirs, ours = ({x.upper() for x in value(x.call(b"COMMAND", b"LIST"))} for x in c)
                sent = 0
                while sent < o.commands:
                    ops = [op for _ in range(20) for op in family.draw(g)]
                    ops = [op for op in ops if op[0][0].upper() not in theirs - ours]
                    exchange(c, [args for args, _ in ops])
                    sent += max(1, len(ops))
            requests = compare(name, pair)
            count += requests
            print(f"  {name}: {requests} requests", flush=True)
            try:
                reload(name, pair)
            except Failure:
                own.own = False
                raise
    return f"{count} requests in the log of {len(names) + 1} runs, equal to the reference's"


if __name__ == "__main__":
    arguments = options(__doc__, commands=3000, families="all")
    sys.exit(main("log", lambda: run(arguments)))

"""Files in both directions between the server under test and redis-server: snapshots and logs, the latter with bases of
either kind. All types, encodings on both sides of each limit, deadlines, binary and empty words, several databases.

After each load DEBUG DIGEST must be what it was on the server that wrote the files, and so must each key's encoding and
deadline.
"""

import os
import random
import shutil
import sys

from kit import Node, check, main, options, value

SMALL_LIMITS = {"hash-max-listpack-entries": 5, "zset-max-listpack-entries": 5, "set-max-intset-entries": 5, "list-max-listpack-size": 4,
                "hash-max-listpack-value": 10, "zset-max-listpack-value": 10, "list-compress-depth": 1}
WORDS = [b"", b"a", b"\x00\xff\r\n", b"-1", b"0", b"127", b"-128", b"128", b"32767", b"-32769", b"2147483647", b"-2147483649",
         b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b"01", b"+1", b" 1", b"1.5", b"x" * 44, b"x" * 45,
         b"y" * 63, b"y" * 64, b"y" * 65, b"ab" * 2000, b"z" * 20000, bytes(range(256)) * 65]


def fill(c, rng, streams):
    """The requests that make the data."""
    some = [w for w in WORDS if len(w) < 70]
    out = []
    for db in (0, 5, 15):
        out.append((b"SELECT", b"%d" % db))
        for i, w in enumerate(WORDS):
            out += [(b"SET", b"s%d" % i, w), (b"APPEND", b"raw%d" % i, w + b"."), (b"SET", b"key:" + w, b"v")]
        for n in (1, 2, 5, 6, 127, 128, 129, 511, 512, 513, 1500):
            tag = b"%d" % n
            numbers = [b"%d" % rng.randint(-(1 << rng.choice([7, 15, 31, 62])), 1 << 31) for _ in range(n)]
            names = [b"m%d" % i for i in range(n)]
            out += [(b"RPUSH", b"l:" + tag, *names), (b"RPUSH", b"ln:" + tag, *numbers), (b"SADD", b"u:" + tag, *names), (b"SADD", b"un:" + tag, *numbers)]
            out.append((b"HSET", b"h:" + tag, *[w for i in range(n) for w in (names[i], numbers[i])]))
            out.append((b"ZADD", b"z:" + tag, *[w for i in range(n) for w in (repr(rng.uniform(-1e6, 1e6)).encode() if i % 3 else numbers[i], names[i])]))
        for name, long in ((b"64", b"q" * 64), (b"65", b"q" * 65), (b"9000", b"r" * 9000)):
            out += [(b"RPUSH", b"lv:" + name, b"1", long, b"2"), (b"HSET", b"hv:" + name, b"f", long), (b"HSET", b"hf:" + name, long, b"v"),
                    (b"ZADD", b"zv:" + name, b"1", long), (b"SADD", b"uv:" + name, b"1", long)]
        out += [(b"RPUSH", b"lall", *WORDS), (b"SADD", b"uall", *WORDS), (b"HSET", b"hall", *[w for p in zip(WORDS, reversed(WORDS)) for w in p]),
                (b"RPUSH", b"lsome", *some), (b"HSET", b"hsome", *[w for p in zip(some, reversed(some)) for w in p])]
        # Both servers take -0 for 0 while a sorted set is small, so it does not survive being built again in a large one.
        scores = [b"inf", b"-inf", b"0", b"-0", b"1e308", b"-1e-308", b"5e-324", b"0.1", b"3", b"9007199254740993", b"1.7976931348623157e308"]
        out += [(b"ZADD", b"zall", *[w for i, s in enumerate(scores) for w in (s, WORDS[i])]), (b"ZADD", b"zbig", *[w for i, s in enumerate(s for s in scores * 30 if s != b"-0") for w in (s, b"%d" % i)])]
        out += [(b"SETBIT", b"bits", b"9999", b"1"), (b"PFADD", b"hll", *[b"%d" % i for i in range(3000)]), (b"PFADD", b"hll2", b"a"),
                (b"GEOADD", b"geo", b"13.361389", b"38.115556", b"Palermo", b"15.087269", b"37.502669", b"Catania")]
        out += [(b"PEXPIREAT", k, b"2208988800123") for k in (b"s1", b"l:2", b"z:129", b"h:513", b"u:5", b"hll", b"key:")]
        out += [(b"PEXPIREAT", b"s2", b"9223372036854775807"), (b"EXPIREAT", b"un:512", b"2208988800")]
        if streams:
            out += [(b"XADD", b"x", b"%d-%d" % (i // 3 + 1, i % 3 + 1), b"f", b"%d" % i, b"odd%d" % (i % 7), b"v" * (i % 50)) for i in range(400)]
            out += [(b"XDEL", b"x", b"3-1", b"7-2"), (b"XGROUP", b"CREATE", b"x", b"g", b"5-0"), (b"XGROUP", b"CREATE", b"x", b"g2", b"$"),
                    (b"XREADGROUP", b"GROUP", b"g", b"c1", b"COUNT", b"30", b"STREAMS", b"x", b">"), (b"XACK", b"x", b"g", b"6-1", b"6-2"),
                    (b"XREADGROUP", b"GROUP", b"g", b"c2", b"COUNT", b"3", b"STREAMS", b"x", b">"), (b"XGROUP", b"CREATECONSUMER", b"x", b"g2", b"c"),
                    (b"XADD", b"xempty", b"1-1", b"a", b"b"), (b"XDEL", b"xempty", b"1-1"), (b"XTRIM", b"x", b"MINID", b"=", b"2")]
    known = {name.upper() for name in value(c.call(b"COMMAND", b"LIST"))}
    send(c, [r for r in out if r[0] in known])


def send(c, requests):
    for at in range(0, len(requests), 200):
        for request, reply in zip(requests[at:], c.pipeline(requests[at : at + 200])):
            check(reply[0] != "-", f"{request!r:.200}: {reply}")


def encodings(c, keys):
    """A string that was changed in place is raw until it is loaded again, so these two count as one."""
    return [{b"raw": b"embstr"}.get(e, e) for e in map(value, c.pipeline([(b"OBJECT", b"ENCODING", k) for k in keys]))]


def describe(node):
    """The digest of all and of each key, and what it does not cover: encodings and deadlines."""
    told = {b"digest": node.digest()}
    c = node.connect()
    for db in (0, 5, 15):
        c.call(b"SELECT", b"%d" % db)
        keys = sorted(value(c.call(b"KEYS", b"*")))
        told[db] = dict(zip(keys, zip(encodings(c, keys), map(value, c.pipeline([(b"PEXPIRETIME", k) for k in keys])),
                                 value(c.call(b"DEBUG", b"DIGEST-VALUE", *keys)))))
    return told


def compare(what, want, got):
    for db in (0, 5, 15):
        wrong = [(k, want[db].get(k), got[db].get(k)) for k in sorted(set(want[db]) | set(got[db])) if want[db].get(k) != got[db].get(k)]
        check(not wrong, f"{what}: database {db}: {len(wrong)} keys differ, the first (key, written, loaded): {wrong[:4]!r:.600}")
    check(want[b"digest"] == got[b"digest"], f"{what}: digests {want[b'digest']} and {got[b'digest']}")


def snapshot(o, writer, reader, limits, rng, streams, **more):
    with Node(writer, dict(limits, **more)) as a, Node(reader, limits) as b:
        a.start()
        fill(a.connect(), rng, streams)
        check(a.call("SAVE") == ("+", b"OK"), "SAVE")
        want = describe(a)
        shutil.copy(a.path("dump.rdb"), b.path("dump.rdb"))
        b.start()
        compare(f"snapshot of {os.path.basename(writer)} {more or ''}", want, describe(b))


def log(o, writer, reader, limits, rng, streams, preamble):
    on = dict(limits, **{"appendonly": "yes", "aof-use-rdb-preamble": preamble})
    with Node(writer, on) as a, Node(reader, on) as b:
        a.start()
        fill(a.connect(), rng, streams)
        check(a.call("BGREWRITEAOF")[0] == "+", "BGREWRITEAOF")
        a.wait_idle()
        send(a.connect(), [(b"APPEND", b"s1", b"more"), (b"RPUSH", b"l:1", b"more"), (b"ZINCRBY", b"z:128", b"0.1", b"m3"), (b"HINCRBYFLOAT", b"h:5", b"m1", b"0.1"),
                           (b"SELECT", b"5"), (b"SPOP", b"u:128", b"20"), (b"SREM", b"u:2", b"m0"), (b"EXPIRE", b"l:5", b"100000"), (b"MULTI",), (b"SET", b"new", b"1"),
                           (b"DEL", b"s3"), (b"EXEC",), (b"GETEX", b"s4", b"EX", b"100000"), (b"COPY", b"h:6", b"h:copy"), (b"MOVE", b"s5", b"9")])
        want = describe(a)
        check(a.terminate() == 0, f"the end of {writer}: {a.log()[-500:]}")
        kind = "rdb" if preamble == "yes" else "aof"
        check([n for n in os.listdir(a.path("appendonlydir")) if n.endswith(f".base.{kind}")], f"no base of kind {kind}: {os.listdir(a.path('appendonlydir'))}")
        shutil.copytree(a.path("appendonlydir"), b.path("appendonlydir"))
        b.start()
        compare(f"log of {os.path.basename(writer)} with a base of kind {kind}", want, describe(b))
        # The other one goes on with it, and the first takes it back.
        send(b.connect(), [(b"SET", b"goes", b"on"), (b"SELECT", b"15"), (b"DEL", b"lall")])
        want = describe(b)
        check(b.terminate() == 0, f"the end of {reader}")
        shutil.rmtree(a.path("appendonlydir"))
        shutil.copytree(b.path("appendonlydir"), a.path("appendonlydir"))
        a.start()
        compare(f"log of {os.path.basename(writer)} gone on with by {os.path.basename(reader)}", want, describe(a))


def payloads(o, writer, reader, limits, rng, streams):
    """Each value by DUMP and RESTORE, with and without its deadline."""
    with Node(writer, limits) as a, Node(reader, limits) as b:
        a.start(), b.start()
        fill(a.connect(), rng, streams)
        ca, cb = a.connect(), b.connect()
        for db in (0, 5, 15):
            for c in (ca, cb):
                c.call(b"SELECT", b"%d" % db)
            keys = value(ca.call(b"KEYS", b"*"))
            dumps = [value(r) for r in ca.pipeline([(b"DUMP", k) for k in keys])]
            ends = [value(r) for r in ca.pipeline([(b"PEXPIRETIME", k) for k in keys])]
            send(cb, [(b"RESTORE", k, b"%d" % max(end, 0), dump, b"ABSTTL") for k, dump, end in zip(keys, dumps, ends)])
            # As a value the other server wrote itself, it comes back the same.
            again = [value(r) for r in cb.pipeline([(b"DUMP", k) for k in keys])]
            send(ca, [(b"RESTORE", k, b"%d" % max(end, 0), dump, b"ABSTTL", b"REPLACE") for k, dump, end in zip(keys, again, ends)])
        compare(f"payloads of {os.path.basename(writer)}", describe(a), describe(b))


def run(o):
    rng = random.Random(o.seed)
    print(f"roundtrip: seed {o.seed}", flush=True)
    with Node(o.server) as probe:
        streams = b"xadd" in value(probe.start().call("COMMAND", "LIST"))
    count = 0
    for limits in ({}, SMALL_LIMITS):
        for writer, reader in ((o.server, o.reference), (o.reference, o.server)):
            snapshot(o, writer, reader, limits, rng, streams)
            snapshot(o, writer, reader, limits, rng, streams, rdbcompression="no", rdbchecksum="no")
            for preamble in ("yes", "no"):
                log(o, writer, reader, limits, rng, streams, preamble)
            payloads(o, writer, reader, limits, rng, streams)
            count += 7
    return f"{count} loads of the other server's files, {'with' if streams else 'without'} streams"


if __name__ == "__main__":
    arguments = options(__doc__)
    sys.exit(main("roundtrip", lambda: run(arguments)))

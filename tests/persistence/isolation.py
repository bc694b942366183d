"""Snapshots while writers keep pairs of keys equal in MULTI: every dump, and every base of the log, loads with the pairs whole.

The pairs lie far apart in the table, strings and containers that snapshots share with what is being written, so a value
changed in place under a snapshot, or half a transaction in it, shows.
"""

import os
import random
import shutil
import sys
import threading

from kit import Node, check, main, options, value

PAIRS = 400


class Writer(threading.Thread):
    def __init__(self, node, seed):
        super().__init__(daemon=True)
        self.c, self.random, self.stop, self.steps, self.problem = node.connect(), random.Random(seed), False, 0, None

    def run(self):
        try:
            while not self.stop:
                i = self.random.randrange(PAIRS)
                n = b"%d" % self.random.getrandbits(60)
                a, b = b"a:%d" % i, b"b:%d" % (i * 7919)
                way = i % 5
                one = {0: lambda k: [(b"SET", k, n * (1 + i % 5))], 1: lambda k: [(b"RPUSH", k, n), (b"LTRIM", k, b"-40", b"-1")],
                       2: lambda k: [(b"HSET", k, b"f%d" % (int(n) % 200), n)], 3: lambda k: [(b"ZADD", k, n[:9], b"m%d" % (int(n) % 200))],
                       4: lambda k: [(b"SADD", k, n[:3]), (b"SREM", k, n[-3:])]}[way]
                replies = self.c.pipeline([(b"MULTI",), *one(a), (b"SELECT", b"1"), *one(b), (b"SELECT", b"0"), (b"EXEC",)])
                check(replies[-1][0] == "*", f"EXEC answered {replies[-1]}")
                self.steps += 1
        except Exception as e:
            self.problem = f"{type(e).__name__}: {e}"


def verify(node, what):
    c = node.connect()
    keys = range(PAIRS)
    firsts = c.pipeline([(b"DEBUG", b"DIGEST-VALUE", b"a:%d" % i) for i in keys])
    c.call(b"SELECT", b"1")
    seconds = c.pipeline([(b"DEBUG", b"DIGEST-VALUE", b"b:%d" % (i * 7919)) for i in keys])
    broken = [i for i in keys if firsts[i] != seconds[i]]
    check(not broken, f"{what}: {len(broken)} pairs of {PAIRS} are not equal, as a:{broken[0] if broken else 0}")
    check(value(c.call(b"DBSIZE")) > 0, f"{what}: nothing in it")


def run(o):
    print(f"isolation: {o.dumps} dumps, seed {o.seed}", flush=True)
    with Node(o.server, {"appendonly": "yes", "appendfsync": "no", "auto-aof-rewrite-percentage": 0}) as node:
        node.start()
        writers = [Writer(node, f"{o.seed}/{i}") for i in range(3)]
        for w in writers:
            w.start()
        node.wait_for("the writers are under way", lambda: all(w.steps > 300 or w.problem for w in writers))
        for number in range(o.dumps):
            check(node.call("BGSAVE")[0] == "+", "BGSAVE")
            node.wait_idle()
            with Node(o.server) as other:
                shutil.copy(node.path("dump.rdb"), other.path("dump.rdb"))
                verify(other.start(), f"dump {number + 1}")
            check(node.call("BGREWRITEAOF")[0] == "+", "BGREWRITEAOF")
            node.wait_idle()
            base = [n for n in os.listdir(node.path("appendonlydir")) if ".base." in n]
            check(len(base) == 1, f"bases: {base}")
            with Node(o.server) as other:
                shutil.copy(node.path("appendonlydir", base[0]), other.path("dump.rdb"))
                verify(other.start(), f"base {number + 1}")
            for w in writers:
                check(w.problem is None, w.problem)
        for w in writers:
            w.stop = True
        for w in writers:
            w.join(30)
        node.kill()
        verify(node.start(), "the log after a kill")
        return f"{2 * o.dumps} snapshots during {sum(w.steps for w in writers)} transactions, all whole"


if __name__ == "__main__":
    arguments = options(__doc__, dumps=8)
    sys.exit(main("isolation", lambda: run(arguments)))

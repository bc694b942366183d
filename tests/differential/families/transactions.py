"""Transactions: MULTI, EXEC, DISCARD and WATCH around commands of the data families, with errors inside."""

import families
from families import Family, one

DATA = ["strings", "lists", "sets", "sorted_sets", "hashes", "keys"]


class Transactions(Family):
    def prepare(self, reference):
        self.data = [families.load(n) for n in DATA]


FAMILY = Transactions()
op = FAMILY.op


def inside(g, low=0, high=6):
    ops = []
    for _ in range(g.randint(low, high)):
        ops += g.choice(FAMILY.data).draw(g)
    return [o for o in ops if o[0][0].upper() not in (b"SELECT", b"SWAPDB")][:20]


def wrong(g):
    """Something that spoils the queue."""
    return g.choice([one(b"NOSUCHCOMMAND", b"a"), one(b"GET"), one(b"SET", b"s1"), one(b"MULTI"), one(b"WATCH", b"s1"), one(b"OBJECT", b"NOPE"), one(b"LPUSH", b"s1")])


@op(6)
def whole(g):
    ops = inside(g)
    if g.chance(0.1):
        ops[g.randint(0, len(ops)) : 0] = wrong(g)
    return one(b"MULTI") + ops + one(g.choice([b"EXEC"] * 5 + [b"DISCARD"]))


@op(3)
def watched(g):
    """The own connection touches a watched key, or does not."""
    key = g.key()
    between = inside(g, 0, 2) if g.chance(0.7) else one(g.choice([b"SET", b"APPEND"]), key, b"v")
    undo = one(b"UNWATCH") if g.chance(0.2) else []
    return one(b"WATCH", key, *g.maybe(0.3, g.key())) + between + undo + one(b"MULTI") + inside(g, 1, 3) + one(b"EXEC")


@op(1)
def watched_missing_or_expired(g):
    key = g.key()
    return one(b"DEL", key) + one(b"WATCH", key) + one(*g.choice([(b"DEL", key), (b"EXPIRE", key, b"100000"), (b"SET", key, b"1"), (b"GET", key), (b"FLUSHALL",)])) + one(b"MULTI") + one(b"PING") + one(b"EXEC")


@op(1)
def out_of_place(g):
    return one(g.choice([b"EXEC", b"DISCARD", b"UNWATCH"]), *g.maybe(0.2, b"x"))


@op(1)
def blocking_inside(g):
    """Blocking commands never wait inside a transaction."""
    return one(b"MULTI") + one(b"BLPOP", b"nothing", b"0") + one(b"BRPOPLPUSH", b"nothing", b"l1", b"0") + one(b"BLMOVE", g.key(b"l"), g.key(b"l"), b"LEFT", b"LEFT", b"0") + one(b"BZPOPMIN", g.key(b"z"), b"0") + one(b"BLMPOP", b"0", b"1", g.key(b"l"), b"LEFT") + one(b"EXEC")


@op(2)
def plain(g):
    return inside(g, 1, 3)

"""Streams with ids given by us (never `*`), groups and pending entries without reading the clock."""

from families import Family, one

FAMILY = Family()
op = FAMILY.op


def entry_id(g):
    x = g.random()
    if x < 0.6:
        return b"%d-%d" % (g.randint(0, 60), g.randint(0, 5))
    if x < 0.8:
        return b"%d" % g.randint(0, 60)
    if x < 0.95:
        return b"%d-*" % g.randint(1, 60)
    return g.choice([b"0-0", b"x", b"", b"1-", b"-1", b"18446744073709551615-18446744073709551615", b"18446744073709551616", b"1-1-1"])


def end(g):
    x = g.random()
    if x < 0.5:
        return g.choice([b"-", b"+"])
    return (b"(" if g.chance(0.2) else b"") + (b"%d-%d" % (g.randint(0, 60), g.randint(0, 5)) if g.chance(0.6) else b"%d" % g.randint(0, 60))


def trim(g):
    x = g.random()
    words = [b"MAXLEN", *g.maybe(0.3, b"="), b"%d" % g.randint(-1, 20)] if x < 0.6 else [b"MINID", *g.maybe(0.3, b"="), entry_id(g)]
    return words + g.maybe(0.05, b"LIMIT", b"5")


@op(6)
def xadd(g):
    words = []
    for _ in range(g.randint(1, 3)):
        words += [g.choice([b"f", b"g", b"name", g.word()]), g.value()]
    return one(b"XADD", g.key(b"x"), *g.maybe(0.1, b"NOMKSTREAM"), *(trim(g) if g.chance(0.15) else []), entry_id(g), *words, *g.maybe(0.02, b"odd"))


@op(3)
def growing(g):
    """A run of rising ids, so that streams get long."""
    key, start = g.key(b"x"), g.randint(61, 2000)
    return [op_ for i in range(g.choice([3, 10, 30])) for op_ in one(b"XADD", key, b"%d-%d" % (start, i + 1), b"f", b"%d" % i, b"g", b"v")]


@op(1)
def xlen(g):
    return one(b"XLEN", g.key(b"x"))


@op(3)
def xrange(g):
    return one(g.choice([b"XRANGE", b"XREVRANGE"]), g.key(b"x"), end(g), end(g), *g.maybe(0.4, b"COUNT", g.count()))


@op(1)
def xdel(g):
    return one(b"XDEL", g.key(b"x"), *[entry_id(g) for _ in range(g.randint(1, 4))])


@op(1)
def xtrim(g):
    return one(b"XTRIM", g.key(b"x"), *trim(g))


@op(0.5)
def xsetid(g):
    return one(b"XSETID", g.key(b"x"), entry_id(g), *g.maybe(0.3, b"ENTRIESADDED", g.small(), b"MAXDELETEDID", entry_id(g)))


@op(2)
def xread(g):
    keys = g.keys(b"x", 1, 2)
    return one(b"XREAD", *g.maybe(0.4, b"COUNT", g.count()), b"STREAMS", *keys, *[g.choice([b"0", b"$", entry_id(g)]) for _ in keys], *g.maybe(0.02, b"0"))


@op(2)
def xgroup(g):
    key, group = g.key(b"x"), g.choice([b"g1", b"g2"])
    start = g.choice([b"0", b"$", entry_id(g)])
    x = g.random()
    if x < 0.5:
        return one(b"XGROUP", b"CREATE", key, group, start, *g.maybe(0.4, b"MKSTREAM"), *g.maybe(0.2, b"ENTRIESREAD", g.small()))
    if x < 0.65:
        return one(b"XGROUP", b"SETID", key, group, start)
    if x < 0.75:
        return one(b"XGROUP", b"DESTROY", key, group)
    return one(b"XGROUP", g.choice([b"CREATECONSUMER", b"DELCONSUMER"]), key, group, g.choice([b"c1", b"c2", b"c3"]))


@op(3)
def xreadgroup(g):
    key = g.key(b"x")
    return one(b"XREADGROUP", b"GROUP", g.choice([b"g1", b"g2"]), g.choice([b"c1", b"c2"]), *g.maybe(0.4, b"COUNT", g.count()), *g.maybe(0.15, b"NOACK"), b"STREAMS", key, b">" if g.chance(0.7) else entry_id(g))


@op(1.5)
def xack(g):
    return one(b"XACK", g.key(b"x"), g.choice([b"g1", b"g2"]), *[entry_id(g) for _ in range(g.randint(1, 4))])


@op(1)
def xpending(g):
    return one(b"XPENDING", g.key(b"x"), g.choice([b"g1", b"g2"]))


@op(1)
def xclaim(g):
    return one(b"XCLAIM", g.key(b"x"), g.choice([b"g1", b"g2"]), g.choice([b"c1", b"c2", b"c3"]), b"0", *[entry_id(g) for _ in range(g.randint(1, 3))], *g.maybe(0.3, b"JUSTID"), *g.maybe(0.2, b"FORCE"), *g.maybe(0.2, b"RETRYCOUNT", g.small()))


@op(0.7)
def xautoclaim(g):
    return one(b"XAUTOCLAIM", g.key(b"x"), g.choice([b"g1", b"g2"]), g.choice([b"c1", b"c2"]), b"0", entry_id(g), *g.maybe(0.4, b"COUNT", g.count()), *g.maybe(0.3, b"JUSTID"))


@op(0.5)
def xinfo(g):
    return one(b"XINFO", b"GROUPS", g.key(b"x"))


@op(0.4)
def delete(g):
    return one(b"DEL", g.key(b"x"))

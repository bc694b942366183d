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


def given_id(g):
    """An id that a run of rising ones may well have given."""
    return b"%d-%d" % (g.randint(61, 66), g.randint(1, 10)) if g.chance(0.8) else entry_id(g)


def end(g):
    x = g.random()
    if x < 0.5:
        return g.choice([b"-", b"+"])
    return (b"(" if g.chance(0.2) else b"") + (b"%d-%d" % (g.randint(0, 60), g.randint(0, 5)) if g.chance(0.6) else b"%d" % g.randint(0, 60))


def trim(g):
    x = g.random()
    how = g.choice([[], [], [b"="], [b"~"], [b"~"]])
    words = [b"MAXLEN", *how, b"%d" % g.randint(-1, 20)] if x < 0.6 else [b"MINID", *how, entry_id(g)]
    return words + (g.maybe(0.3, b"LIMIT", b"%d" % g.randint(-1, 40)) if b"~" in how else g.maybe(0.05, b"LIMIT", b"5"))


@op(6)
def xadd(g):
    words = []
    for _ in range(g.randint(1, 3)):
        words += [g.choice([b"f", b"g", b"name", g.word()]), g.value()]
    return one(b"XADD", g.key(b"x"), *g.maybe(0.1, b"NOMKSTREAM"), *(trim(g) if g.chance(0.15) else []), entry_id(g), *words, *g.maybe(0.02, b"odd"))


@op(3)
def growing(g):
    """A run of rising ids, so that streams get long."""
    key, start = g.key(b"x"), g.randint(61, 66) if g.chance(0.8) else g.randint(67, 2000)
    return [op_ for i in range(g.choice([3, 10, 30])) for op_ in one(b"XADD", key, b"%d-%d" % (start, i + 1), b"f", b"%d" % i, b"g", b"v")]


@op(1)
def xlen(g):
    return one(b"XLEN", g.key(b"x"))


@op(3)
def xrange(g):
    return one(g.choice([b"XRANGE", b"XREVRANGE"]), g.key(b"x"), end(g), end(g), *g.maybe(0.4, b"COUNT", g.count()))


@op(1)
def xdel(g):
    return one(b"XDEL", g.key(b"x"), *[given_id(g) for _ in range(g.randint(1, 4))])


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
    return one(b"XREADGROUP", b"GROUP", g.choice([b"g1", b"g2"]), g.choice([b"c1", b"c2"]), *g.maybe(0.4, b"COUNT", g.count()), *g.maybe(0.15, b"NOACK"), b"STREAMS", key, b">" if g.chance(0.7) else g.choice([b"0", entry_id(g)]))


@op(1.5)
def xack(g):
    return one(b"XACK", g.key(b"x"), g.choice([b"g1", b"g2"]), *[given_id(g) for _ in range(g.randint(1, 4))])


@op(1)
def xpending(g):
    return one(b"XPENDING", g.key(b"x"), g.choice([b"g1", b"g2"]))


@op(1.5)
def xpending_range(g):
    idle = g.maybe(0.3, b"IDLE", g.choice([b"0", b"0", b"100000", b"-1", b"x"]))
    return one(b"XPENDING", g.key(b"x"), g.choice([b"g1", b"g2"]), *idle, end(g), end(g), g.count(), *g.maybe(0.3, g.choice([b"c1", b"c2", b"c9"])), *g.maybe(0.03, b"more"), how="near_ms_within")


@op(1)
def xinfo_stream(g):
    return one(b"XINFO", b"STREAM", g.key(b"x"))


@op(1)
def xinfo_full(g):
    return one(b"XINFO", b"STREAM", g.key(b"x"), *g.maybe(0.95, b"FULL"), *g.maybe(0.5, b"COUNT", g.count()), *g.maybe(0.03, b"more"), how="near_ms_within")


@op(1)
def xinfo_consumers(g):
    return one(b"XINFO", b"CONSUMERS", g.key(b"x"), g.choice([b"g1", b"g2"]), how="near_ms_within")


@op(0.3)
def digest(g):
    return one(b"DEBUG", b"DIGEST-VALUE", g.key(b"x"))


@op(0.3)
def copy(g):
    return one(b"COPY", g.key(b"x"), g.key(b"x"), *g.maybe(0.5, b"REPLACE"))


@op(0.5)
def long_runs(g):
    """Whole blocks, holes in them, and trimming that ends in the middle of one."""
    key, start = g.key(b"x"), g.randint(2001, 4000)
    count = g.choice([99, 100, 101, 250])
    ops = [op_ for i in range(count) for op_ in one(b"XADD", key, b"%d-%d" % (start, i + 1), b"f", g.value() if g.chance(0.2) else b"v")]
    ops += [op_ for _ in range(g.randint(0, 5)) for op_ in one(b"XDEL", key, b"%d-%d" % (start, g.randint(1, count)))]
    return ops + one(b"XTRIM", key, *trim(g)) + one(b"XINFO", b"STREAM", key) + one(b"XREVRANGE", key, b"+", b"-", b"COUNT", b"3")


@op(0.5)
def xgroup_odd(g):
    """Counters of groups, and requests that are no good."""
    key, group = g.key(b"x"), g.choice([b"g1", b"g2", b"none"])
    read = g.choice([b"-2", b"-1", b"0", b"7", b"x"])
    return one(b"XGROUP", g.choice([b"CREATE", b"SETID"]), key, group, g.choice([b"$", b"-", b"+", b"0", b"x", entry_id(g)]), b"ENTRIESREAD", read, *g.maybe(0.1, b"MKSTREAM"), *g.maybe(0.05, b"MKSTREAM", b"MKSTREAM"))


@op(0.5)
def read_odd(g):
    """XREAD and XREADGROUP with odd options."""
    words = []
    for _ in range(g.randint(0, 3)):
        words += g.choice([[b"COUNT", g.count()], [b"NOACK"], [b"GROUP", b"g1", b"c1"], [b"BLOCK", b"-1"], [b"BLOCK", b"x"], [b"COUNT"], [b"more"]])
    keys = g.keys(b"x", 1, 3)
    ids = [g.choice([b"$", b">", b"0", b"+", b"-", entry_id(g)]) for _ in keys]
    return one(g.choice([b"XREAD", b"XREADGROUP"]), *words, *g.maybe(0.95, b"STREAMS"), *keys, *ids, *g.maybe(0.05, b"0"))


@op(0.5)
def read_several(g):
    keys = g.keys(b"x", 1, 3)
    ids = [g.choice([b">", b">", b"0", entry_id(g)]) for _ in keys]
    return one(b"XREADGROUP", b"GROUP", b"g1", g.choice([b"c1", b"c3"]), *g.maybe(0.4, b"COUNT", g.count()), *g.maybe(0.2, b"NOACK"), b"STREAMS", *keys, *ids)


@op(1.5)
def claim_odd(g):
    """XCLAIM with any of its options."""
    words = []
    for _ in range(g.randint(1, 4)):
        words += g.choice([[b"IDLE", b"1000"], [b"IDLE", b"x"], [b"TIME", b"1"], [b"TIME", b"-5"], [b"RETRYCOUNT", g.small()], [b"FORCE"], [b"JUSTID"], [b"LASTID", entry_id(g)], [b"LASTID"], [b"more"]])
    idle = g.choice([b"0", b"0", b"0", b"10000000", b"-1", b"x"])
    return one(b"XCLAIM", g.key(b"x"), g.choice([b"g1", b"g2"]), g.choice([b"c1", b"c4"]), idle, *[given_id(g) for _ in range(g.randint(1, 3))], *words)


@op(2)
def xclaim(g):
    return one(b"XCLAIM", g.key(b"x"), g.choice([b"g1", b"g2"]), g.choice([b"c1", b"c2", b"c3"]), b"0", *[given_id(g) for _ in range(g.randint(1, 3))], *g.maybe(0.3, b"JUSTID"), *g.maybe(0.2, b"FORCE"), *g.maybe(0.2, b"RETRYCOUNT", g.small()))


@op(0.7)
def xautoclaim(g):
    return one(b"XAUTOCLAIM", g.key(b"x"), g.choice([b"g1", b"g2"]), g.choice([b"c1", b"c2"]), g.choice([b"0", b"0", b"0", b"10000000", b"x"]), g.choice([given_id(g), end(g)]), *g.maybe(0.4, b"COUNT", g.count()), *g.maybe(0.3, b"JUSTID"), *g.maybe(0.02, b"more"))


@op(0.5)
def xinfo(g):
    return one(b"XINFO", b"GROUPS", g.key(b"x"))


@op(1)
def delete(g):
    return one(b"DEL", g.key(b"x"))

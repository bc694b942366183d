"""Sets: order is nobody's promise, random members are checked by membership."""

from families import Family, one

FAMILY = Family()
op = FAMILY.op


@op(8)
def sadd(g):
    return one(b"SADD", g.key(b"u"), *g.words())


@op(4)
def srem(g):
    return one(b"SREM", g.key(b"u"), *g.words())


@op(2)
def sismember(g):
    if g.chance(0.5):
        return one(b"SISMEMBER", g.key(b"u"), g.word())
    return one(b"SMISMEMBER", g.key(b"u"), *[g.word() for _ in range(g.randint(1, 4))])


@op(1)
def scard(g):
    return one(b"SCARD", g.key(b"u"))


@op(1)
def smembers(g):
    return one(b"SMEMBERS", g.key(b"u"), how="unordered")


@op(2)
def smove(g):
    return one(b"SMOVE", g.key(b"u"), g.key(b"u"), g.word())


@op(3)
def algebra(g):
    return one(g.choice([b"SINTER", b"SUNION", b"SDIFF"]), *g.keys(b"u", 1, 4), how="unordered")


@op(3)
def algebra_store(g):
    return one(g.choice([b"SINTERSTORE", b"SUNIONSTORE", b"SDIFFSTORE"]), g.key(b"u"), *g.keys(b"u", 1, 4))


@op(2)
def sintercard(g):
    keys = g.keys(b"u", 1, 3)
    n = b"%d" % len(keys) if g.chance(0.92) else g.choice([b"0", b"-1", b"9", b"x", b"1"])
    return one(b"SINTERCARD", n, *keys, *g.maybe(0.4, g.case(b"LIMIT"), g.count()), *g.maybe(0.02, b"FOO"))


@op(1)
def srandmember(g):
    key = g.key(b"u")
    listed = one(b"SMEMBERS", key, how="unordered")
    x = g.random()
    if x < 0.3:
        return listed + one(b"SRANDMEMBER", key, how="picked")
    if x < 0.6:
        return listed + one(b"SRANDMEMBER", key, b"%d" % g.choice([0, 1, 2, 5, 20, 1000]), how="picked_distinct")
    if x < 0.9:
        return listed + one(b"SRANDMEMBER", key, b"%d" % g.choice([-1, -2, -5, -60]), how="picked")
    return one(b"SRANDMEMBER", key, g.choice([b"abc", b"9223372036854775807", b"-9223372036854775808", b"1.5", b""]), how="same_size")


@op(1)
def spop(g):
    """Pops at random, then the rest is dropped so that both servers hold the same again."""
    key = g.key(b"u")
    listed = one(b"SMEMBERS", key, how="unordered")
    if g.chance(0.35):
        return listed + one(b"SPOP", key, g.choice([b"100000", b"2147483647", b"9223372036854775807"]), how="picked_distinct")
    if g.chance(0.1):
        return one(b"SPOP", key, g.choice([b"-1", b"abc", b"0", b""]), how="unordered")
    count = g.maybe(0.6, b"%d" % g.choice([1, 2, 3, 10]))
    how = "picked_distinct" if count else "picked"
    return listed + one(b"SPOP", key, *count, how=how) + one(b"SCARD", key) + one(b"DEL", key)


@op(1)
def sscan(g):
    pattern = g.maybe(0.4, g.case(b"MATCH"), g.pattern())
    return one(b"SSCAN", g.key(b"u"), b"0", *pattern, b"COUNT", b"100000", how="scan")


@op(0.3)
def sscan_wrong(g):
    return one(b"SSCAN", g.key(b"u"), g.choice([b"x", b"99999999999999999999"]), *g.maybe(0.5, b"COUNT", g.choice([b"0", b"-1", b"x"])), how="loose")


@op(0.5)
def delete(g):
    return one(b"DEL", g.key(b"u"))

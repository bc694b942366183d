"""Hashes: fields as a multiset of pairs, random fields by membership."""

from families import Family, one

FAMILY = Family()
op = FAMILY.op


@op(8)
def hset(g):
    words = []
    for field in g.words():
        words += [field, g.value() if len(words) < 60 else b"v"]
    if g.chance(0.03):
        words.append(g.word())
    return one(g.choice([b"HSET", b"HSET", b"HMSET"]), g.key(b"h"), *words)


@op(1)
def hsetnx(g):
    return one(b"HSETNX", g.key(b"h"), g.word(), g.value())


@op(3)
def hget(g):
    return one(b"HGET", g.key(b"h"), g.word())


@op(1)
def hmget(g):
    return one(b"HMGET", g.key(b"h"), *[g.word() for _ in range(g.randint(1, 5))])


@op(4)
def hdel(g):
    return one(b"HDEL", g.key(b"h"), *g.words())


@op(2)
def small_reads(g):
    x = g.random()
    if x < 0.3:
        return one(b"HLEN", g.key(b"h"))
    return one(g.choice([b"HEXISTS", b"HSTRLEN"]), g.key(b"h"), g.word())


@op(1.5)
def whole(g):
    x = g.random()
    if x < 0.4:
        return one(b"HGETALL", g.key(b"h"), how="unordered_pairs")
    return one(g.choice([b"HKEYS", b"HVALS"]), g.key(b"h"), how="unordered")


@op(2)
def counters(g):
    key, field = g.key(b"h"), g.choice([b"n1", b"n2", g.word()])
    if g.chance(0.5):
        return one(b"HINCRBY", key, field, g.integer())
    return one(b"HINCRBYFLOAT", key, field, g.floating())


@op(1)
def numbers(g):
    key, field = g.key(b"h"), g.choice([b"n1", b"n2"])
    start = g.choice([g.integer(), g.floating(), b"9223372036854775806", b"10", b"3.0", b" 7", b"0.1"])
    step = g.choice([(b"HINCRBY", g.integer()), (b"HINCRBYFLOAT", g.floating()), (b"HINCRBYFLOAT", b"0.2")])
    return one(b"HSET", key, field, start) + one(step[0], key, field, step[1]) + one(b"HGET", key, field)


@op(1)
def hrandfield(g):
    key = g.key(b"h")
    x = g.random()
    if x < 0.2:
        return one(b"HKEYS", key, how="unordered") + one(b"HRANDFIELD", key, how="picked")
    if x < 0.4:
        return one(b"HKEYS", key, how="unordered") + one(b"HRANDFIELD", key, b"%d" % g.choice([0, 1, 3, 1000]), how="picked_distinct")
    if x < 0.6:
        return one(b"HKEYS", key, how="unordered") + one(b"HRANDFIELD", key, b"%d" % g.choice([-1, -3, -50]), how="picked")
    if x < 0.9:
        return one(b"HGETALL", key, how="unordered_pairs") + one(b"HRANDFIELD", key, b"%d" % g.choice([0, 1, 3, 1000, -1, -4]), g.case(b"WITHVALUES"), how="picked_pairs")
    return one(b"HRANDFIELD", key, g.choice([b"abc", b"9223372036854775807", b"-9223372036854775808", b"1.5"]), *g.maybe(0.6, g.choice([b"WITHVALUES", b"FOO"])), how="same_size")


@op(1)
def hscan(g):
    pattern = g.maybe(0.4, g.case(b"MATCH"), g.pattern())
    return one(b"HSCAN", g.key(b"h"), b"0", *pattern, b"COUNT", b"100000", how="scan_pairs")


@op(0.5)
def delete(g):
    return one(b"DEL", g.key(b"h"))

"""Sorted sets: every form of range, algebra, pops."""

from families import Family, one

FAMILY = Family()
op = FAMILY.op


def bound(g):
    """A score bound, open or closed."""
    x = g.random()
    if x < 0.15:
        return g.choice([b"-inf", b"+inf", b"inf"])
    s = b"%d" % g.randint(-6, 13) if x < 0.8 else g.floating()
    return b"(" + s if g.chance(0.3) else s


def lex(g):
    x = g.random()
    if x < 0.3:
        return g.choice([b"-", b"+"])
    if x < 0.97:
        return g.choice([b"[", b"("]) + g.word()
    return g.choice([b"a", b"", b"(", b"[", b"-inf"])


def lex_key(g):
    """Lexicographic ranges mean nothing (and the reference answers by chance) where scores differ, so the key is filled
    anew with one score, or is not a sorted set. Returns (operations before, key)."""
    if g.chance(0.1):
        return ([], b"nothing") if g.chance(0.5) else (one(b"SET", b"text", b"v"), b"text")
    key, words = g.key(b"z", 0), []
    for m in g.words():
        words += [b"0", m]
    return one(b"DEL", key) + one(b"ZADD", key, *words), key


def limit(g):
    return [g.case(b"LIMIT"), g.choice([b"0", b"1", b"2", b"-1", g.index()]), g.choice([b"-1", b"1", b"5", b"0", g.index()])]


@op(8)
def zadd(g):
    options = []
    if g.chance(0.2):
        options.append(g.choice([b"NX", b"XX"]))
    if g.chance(0.2):
        options.append(g.choice([b"GT", b"LT"]))
    if g.chance(0.2):
        options.append(b"CH")
    if g.chance(0.15):
        options.append(b"INCR")
    if g.chance(0.02):
        options.append(g.choice([b"NX", b"FOO", b"GT", b"LT"]))
    g.shuffle(options)
    pairs = []
    members = g.words()
    if b"INCR" in options and g.chance(0.9):
        members = members[:1]
    for m in members:
        pairs += [g.score(), m]
    if g.chance(0.03):
        pairs = pairs[:-1]
    return one(b"ZADD", g.key(b"z"), *[g.case(o) for o in options], *pairs)


@op(2)
def zincrby(g):
    return one(b"ZINCRBY", g.key(b"z"), g.score(), g.word())


@op(3)
def zrem(g):
    return one(b"ZREM", g.key(b"z"), *g.words())


@op(3)
def reads(g):
    key = g.key(b"z")
    x = g.random()
    if x < 0.2:
        return one(b"ZCARD", key)
    if x < 0.5:
        return one(b"ZSCORE", key, g.word())
    if x < 0.7:
        return one(b"ZMSCORE", key, *[g.word() for _ in range(g.randint(1, 4))])
    return one(g.choice([b"ZRANK", b"ZREVRANK"]), key, g.word())


@op(2)
def counts(g):
    if g.chance(0.5):
        return one(b"ZCOUNT", g.key(b"z"), bound(g), bound(g))
    before, key = lex_key(g)
    return before + one(b"ZLEXCOUNT", key, lex(g), lex(g))


def range_words(g):
    """What comes before, the key, the bounds and the options of a ZRANGE of any kind."""
    kind = g.choice([b"", b"", b"BYSCORE", b"BYSCORE", b"BYLEX"])
    if kind == b"BYSCORE":
        ends = [bound(g), bound(g)]
    elif kind == b"BYLEX":
        ends = [lex(g), lex(g)]
    else:
        ends = [g.index(), g.index()]
    options = [[kind]] if kind else []
    if g.chance(0.3):
        options.append([b"REV"])
    if g.chance(0.3 if kind else 0.03):
        options.append(limit(g))
    g.shuffle(options)
    before, key = lex_key(g) if kind == b"BYLEX" else ([], g.key(b"z"))
    return before, key, ends, [g.case(w) for o in options for w in o]


@op(4)
def zrange(g):
    before, key, ends, options = range_words(g)
    return before + one(b"ZRANGE", key, *ends, *options, *g.maybe(0.4, g.case(b"WITHSCORES")), *g.maybe(0.01, b"FOO"))


@op(2)
def zrangestore(g):
    before, key, ends, options = range_words(g)
    return before + one(b"ZRANGESTORE", g.key(b"z"), key, *ends, *options, *g.maybe(0.02, b"WITHSCORES"))


@op(3)
def old_ranges(g):
    key = g.key(b"z")
    scores = g.maybe(0.4, g.case(b"WITHSCORES"))
    x = g.random()
    if x < 0.25:
        return one(b"ZREVRANGE", key, g.index(), g.index(), *scores)
    cut = limit(g) if g.chance(0.3) else []
    if x < 0.65:
        return one(g.choice([b"ZRANGEBYSCORE", b"ZREVRANGEBYSCORE"]), key, bound(g), bound(g), *scores, *cut)
    before, key = lex_key(g)
    return before + one(g.choice([b"ZRANGEBYLEX", b"ZREVRANGEBYLEX"]), key, lex(g), lex(g), *cut)


@op(1.5)
def zremrange(g):
    key = g.key(b"z")
    x = g.random()
    if x < 0.35:
        return one(b"ZREMRANGEBYRANK", key, g.index(), g.index())
    if x < 0.7:
        return one(b"ZREMRANGEBYSCORE", key, bound(g), bound(g))
    before, key = lex_key(g)
    return before + one(b"ZREMRANGEBYLEX", key, lex(g), lex(g))


@op(2)
def pops(g):
    x = g.random()
    if x < 0.5:
        return one(g.choice([b"ZPOPMIN", b"ZPOPMAX"]), g.key(b"z"), *g.maybe(0.5, g.count()))
    keys = g.keys(b"z", 1, 3)
    n = b"%d" % len(keys) if g.chance(0.93) else g.choice([b"0", b"-1", b"9", b"x", b"1"])
    return one(b"ZMPOP", n, *keys, g.case(g.choice([b"MIN", b"MAX"])) if g.chance(0.97) else b"MID", *g.maybe(0.4, b"COUNT", g.count()))


@op(1)
def blocking(g):
    key = g.key(b"z")
    timeout = g.choice([b"0", b"0", b"0.01", b"1", b"-1", b"abc", b"1e400"])
    fill = one(b"ZADD", key, b"1", g.word(), b"2", g.word())
    if g.chance(0.6):
        return fill + one(g.choice([b"BZPOPMIN", b"BZPOPMAX"]), *g.maybe(0.3, g.key(b"z", 0)), key, timeout)
    return fill + one(b"BZMPOP", timeout, b"1", key, g.choice([b"MIN", b"MAX"]), *g.maybe(0.3, b"COUNT", g.count()))


@op(0.02)
def blocking_times_out(g):
    return one(b"DEL", b"nothing") + one(g.choice([b"BZPOPMIN", b"BZPOPMAX"]), b"nothing", b"0.01") + one(b"BZMPOP", b"0.01", b"1", b"nothing", b"MIN")


@op(3)
def algebra(g):
    keys = [g.key(b"z") if g.chance(0.85) else g.key(b"u") for _ in range(g.randint(1, 3))]
    n = b"%d" % len(keys) if g.chance(0.95) else g.choice([b"0", b"-1", b"9", b"x", b"1"])
    kind = g.choice([b"ZUNION", b"ZINTER", b"ZDIFF"])
    store = g.chance(0.5)
    words = [g.key(b"z")] if store else []
    words += [n, *keys]
    if kind != b"ZDIFF" or g.chance(0.03):
        if g.chance(0.4):
            weights = [g.choice([b"1", b"2", b"0.5", b"-1", b"0", b"inf", b"-inf"]) if g.chance(0.97) else g.floating() for _ in keys]
            words += [g.case(b"WEIGHTS"), *weights]
        if g.chance(0.4):
            words += [g.case(b"AGGREGATE"), g.case(g.choice([b"SUM", b"MIN", b"MAX"])) if g.chance(0.98) else b"AVG"]
    if not store and g.chance(0.5) or g.chance(0.02):
        words.append(g.case(b"WITHSCORES"))
    return one(kind + (b"STORE" if store else b""), *words)


@op(1)
def zintercard(g):
    keys = g.keys(b"z", 1, 3)
    return one(b"ZINTERCARD", b"%d" % len(keys), *keys, *g.maybe(0.4, b"LIMIT", g.count()))


@op(1)
def zrandmember(g):
    key = g.key(b"z")
    listed = one(b"ZRANGE", key, b"0", b"-1")
    x = g.random()
    if x < 0.2:
        return listed + one(b"ZRANDMEMBER", key, how="picked")
    if x < 0.4:
        return listed + one(b"ZRANDMEMBER", key, b"%d" % g.choice([0, 1, 3, 1000]), how="picked_distinct")
    if x < 0.6:
        return listed + one(b"ZRANDMEMBER", key, b"%d" % g.choice([-1, -3, -50]), how="picked")
    if x < 0.9:
        return one(b"ZRANGE", key, b"0", b"-1", b"WITHSCORES") + one(b"ZRANDMEMBER", key, b"%d" % g.choice([0, 1, 3, 1000, -1, -4]), g.case(b"WITHSCORES"), how="picked_pairs")
    return one(b"ZRANDMEMBER", key, g.choice([b"abc", b"9223372036854775807", b"-9223372036854775808", b"1.5"]), *g.maybe(0.6, g.choice([b"WITHSCORES", b"FOO"])), how="same_size")


@op(1)
def zscan(g):
    pattern = g.maybe(0.4, g.case(b"MATCH"), g.pattern())
    return one(b"ZSCAN", g.key(b"z"), b"0", *pattern, b"COUNT", b"100000", how="scan_pairs")


@op(0.4)
def delete(g):
    return one(b"DEL", g.key(b"z"))

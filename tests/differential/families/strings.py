"""Strings: whole values, ranges, counters, LCS."""

from families import Family, one

FAMILY = Family()
op = FAMILY.op


def set_options(g):
    """Options of SET in random order: valid mostly, clashing sometimes."""
    parts = []
    if g.chance(0.25):
        parts.append([g.choice([b"NX", b"XX"])])
    if g.chance(0.2):
        parts.append([b"GET"])
    x = g.random()
    if x < 0.08:
        parts.append([b"EX", g.ttl_s()])
    elif x < 0.16:
        parts.append([b"PX", g.ttl_ms()])
    elif x < 0.22:
        parts.append([b"EXAT", g.at_s()])
    elif x < 0.28:
        parts.append([b"PXAT", g.at_ms()])
    elif x < 0.38:
        parts.append([b"KEEPTTL"])
    elif x < 0.42:
        parts.append([g.choice([b"EX", b"PX", b"EXAT", b"PXAT"]), g.bad_ttl()])
    if g.chance(0.04):
        parts.append([g.choice([b"NX", b"XX", b"KEEPTTL", b"GET", b"EX", b"PERSIST", b"FOO", b"", b"PX"])])
    g.shuffle(parts)
    return [g.case(w) for p in parts for w in p]


@op(8)
def set_(g):
    return one(b"SET", g.key(b"s"), g.value(), *set_options(g))


@op(6)
def get(g):
    return one(b"GET", g.key(b"s"))


@op(1)
def setnx(g):
    return one(b"SETNX", g.key(b"s"), g.value())


@op(1)
def setex(g):
    if g.chance(0.5):
        return one(b"SETEX", g.key(b"s"), g.ttl_s() if g.chance(0.8) else g.bad_ttl(), g.value())
    return one(b"PSETEX", g.key(b"s"), g.ttl_ms() if g.chance(0.8) else g.bad_ttl(), g.value())


@op(1)
def getset(g):
    return one(b"GETSET", g.key(b"s"), g.value())


@op(1)
def getdel(g):
    return one(b"GETDEL", g.key(b"s"))


@op(2)
def getex(g):
    how = g.choice([[], [b"PERSIST"], [b"EX", g.ttl_s()], [b"PX", g.ttl_ms()], [b"EXAT", g.at_s()], [b"PXAT", g.at_ms()],
                    [b"EX", g.bad_ttl()], [b"PX", g.bad_ttl()], [b"KEEPTTL"], [b"PERSIST", b"EX", b"100000"], [b"EX"], [b"NX"],
                    [b"EXAT", g.bad_ttl()]])
    return one(b"GETEX", g.key(b"s"), *[g.case(w) for w in how])


@op(2)
def append(g):
    return one(b"APPEND", g.key(b"s"), g.value())


@op(1)
def strlen(g):
    return one(b"STRLEN", g.key(b"s"))


@op(2)
def setrange(g):
    offset = b"%d" % g.choice([0, 1, 2, 5, 10, 44, 100, 1000]) if g.chance(0.85) else g.choice([b"-1", b"536870912", b"1048576", b"abc", b"9223372036854775807", b"1048575000"])
    return one(b"SETRANGE", g.key(b"s"), offset, g.choice([b"", b"x", b"12", g.value()]))


@op(3)
def getrange(g):
    return one(g.choice([b"GETRANGE", b"GETRANGE", b"SUBSTR"]), g.key(b"s"), g.index(), g.index())


@op(4)
def counters(g):
    key = g.key(b"s")
    x = g.random()
    if x < 0.3:
        return one(g.choice([b"INCR", b"DECR"]), key)
    if x < 0.7:
        return one(g.choice([b"INCRBY", b"DECRBY"]), key, g.integer())
    return one(b"INCRBYFLOAT", key, g.floating())


@op(2)
def numbers(g):
    """A fresh number, then arithmetic on it: most random strings are no numbers."""
    key = g.key(b"s")
    start = g.choice([g.integer(), g.floating(), b"9223372036854775806", b"-9223372036854775807", b"10", b"3.0", b" 7", b"7 ", b"0.1"])
    step = g.choice([(b"INCR",), (b"DECR",), (b"INCRBY", g.integer()), (b"DECRBY", g.integer()), (b"INCRBYFLOAT", g.floating()),
                     (b"INCRBYFLOAT", b"0.2"), (b"DECRBY", b"-9223372036854775808"), (b"INCRBYFLOAT", b"-1.1e2")])
    return one(b"SET", key, start) + one(step[0], key, *step[1:]) + one(b"GET", key)


@op(1)
def mset(g):
    words = []
    for _ in range(g.randint(1, 4)):
        words += [g.key(b"s"), g.value()]
    if g.chance(0.05):
        words.append(g.key(b"s"))
    return one(g.choice([b"MSET", b"MSETNX"]), *words)


@op(1)
def mget(g):
    return one(b"MGET", *g.keys(b"s", 1, 5))


@op(1.5)
def lcs(g):
    a, b = g.key(b"s"), g.key(b"s")
    options = []
    if g.chance(0.4):
        options.append([b"LEN"])
    if g.chance(0.6):
        options.append([b"IDX"])
    if g.chance(0.3):
        options.append([b"MINMATCHLEN", g.integer()])
    if g.chance(0.3):
        options.append([b"WITHMATCHLEN"])
    if g.chance(0.03):
        options.append([g.choice([b"FOO", b"MINMATCHLEN"])])
    g.shuffle(options)
    flat = [w for o in options for w in o]
    if g.chance(0.3):
        alphabet = [b"a", b"b", b"c", b"ab"]
        text = lambda: b"".join(g.choice(alphabet) for _ in range(g.randint(0, 30)))
        return one(b"MSET", a, text(), b, text()) + one(b"LCS", a, b, *flat)
    return one(b"LCS", a, b, *flat)

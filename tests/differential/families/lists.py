"""Lists, with the blocking commands only where data is ready or a short timeout bounds them."""

from families import Family, one

FAMILY = Family()
op = FAMILY.op
SIDES = [b"LEFT", b"RIGHT"]


def side(g):
    return g.case(g.choice(SIDES)) if g.chance(0.98) else g.choice([b"UP", b"", b"L"])


def element(g):
    return g.word() if g.chance(0.7) else g.value()


def elements(g):
    return g.words() if g.chance(0.6) else [g.value() for _ in range(min(g.many(), 20))]


@op(8)
def push(g):
    return one(g.choice([b"LPUSH", b"RPUSH", b"RPUSH", b"LPUSHX", b"RPUSHX"]), g.key(b"l"), *elements(g))


@op(4)
def pop(g):
    return one(g.choice([b"LPOP", b"RPOP"]), g.key(b"l"), *g.maybe(0.4, g.count()))


@op(3)
def lrange(g):
    return one(b"LRANGE", g.key(b"l"), g.index(), g.index())


@op(1)
def ltrim(g):
    return one(b"LTRIM", g.key(b"l"), b"%d" % g.randint(-40, 3) if g.chance(0.8) else g.index(), b"%d" % g.randint(-4, 400) if g.chance(0.8) else g.index())


@op(2)
def lindex(g):
    return one(b"LINDEX", g.key(b"l"), g.index())


@op(2)
def lset(g):
    return one(b"LSET", g.key(b"l"), g.index(), element(g))


@op(2)
def linsert(g):
    where = g.case(g.choice([b"BEFORE", b"AFTER"])) if g.chance(0.97) else b"AT"
    return one(b"LINSERT", g.key(b"l"), where, element(g), element(g))


@op(2)
def lrem(g):
    return one(b"LREM", g.key(b"l"), g.choice([b"0", b"1", b"-1", b"2", b"-2", g.integer()]), element(g))


@op(1)
def llen(g):
    return one(b"LLEN", g.key(b"l"))


@op(2)
def lpos(g):
    options = []
    if g.chance(0.5):
        options.append([b"RANK", g.choice([b"1", b"-1", b"2", b"-2", b"0", g.integer()])])
    if g.chance(0.5):
        options.append([b"COUNT", g.choice([b"0", b"1", b"2", b"-1", g.count()])])
    if g.chance(0.3):
        options.append([b"MAXLEN", g.choice([b"0", b"5", b"100", b"-1", g.integer()])])
    if g.chance(0.03):
        options.append([g.choice([b"FOO", b"RANK"])])
    g.shuffle(options)
    return one(b"LPOS", g.key(b"l"), element(g), *[g.case(w) for o in options for w in o])


@op(3)
def lmove(g):
    if g.chance(0.3):
        return one(b"RPOPLPUSH", g.key(b"l"), g.key(b"l"))
    return one(b"LMOVE", g.key(b"l"), g.key(b"l"), side(g), side(g))


@op(2)
def lmpop(g):
    keys = g.keys(b"l", 1, 3)
    n = b"%d" % len(keys) if g.chance(0.93) else g.choice([b"0", b"-1", b"9", b"x", b"1"])
    return one(b"LMPOP", n, *keys, side(g), *g.maybe(0.4, b"COUNT", g.count()), *g.maybe(0.02, b"COUNT", b"1"))


@op(1.5)
def blocking(g):
    """A push and then a blocking command on the same key: ready at once, or an error at once."""
    key = g.key(b"l")
    timeout = g.choice([b"0", b"0", b"0.01", b"1", b"0.5", b"-1", b"abc", b"inf", b"1e400", b"nan"])
    fill = one(g.choice([b"LPUSH", b"RPUSH"]), key, *elements(g))
    x = g.random()
    if x < 0.45:
        return fill + one(g.choice([b"BLPOP", b"BRPOP"]), *g.maybe(0.3, g.key(b"l", 0)), key, timeout)
    if x < 0.7:
        return fill + one(b"BLMOVE", key, g.key(b"l"), side(g), side(g), timeout)
    if x < 0.8:
        return fill + one(b"BRPOPLPUSH", key, g.key(b"l"), timeout)
    return fill + one(b"BLMPOP", timeout, b"1", key, side(g), *g.maybe(0.3, b"COUNT", g.count()))


@op(0.02)
def blocking_times_out(g):
    return one(b"DEL", b"nothing") + one(g.choice([b"BLPOP", b"BRPOP"]), b"nothing", b"0.01") + one(b"BLMPOP", b"0.01", b"1", b"nothing", b"LEFT") + one(b"BLMOVE", b"nothing", b"l0", b"LEFT", b"RIGHT", b"0.01") + one(b"BRPOPLPUSH", b"nothing", b"l1", b"0.01")


@op(0.4)
def delete(g):
    return one(b"DEL", g.key(b"l"))

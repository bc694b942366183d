"""HyperLogLogs: the estimates and the bytes of the registers are both part of the answer."""

from families import Family, one

FAMILY = Family()
op = FAMILY.op


@op(6)
def pfadd(g):
    n = g.choice([0, 1, 2, 5, 20]) if g.chance(0.97) else 1500
    start = g.randrange(100000)
    return one(b"PFADD", g.key(b"p"), *[b"e%d" % (start + i) for i in range(n)])


@op(4)
def pfcount(g):
    return one(b"PFCOUNT", *g.keys(b"p", 1, 3))


@op(2)
def pfmerge(g):
    return one(b"PFMERGE", g.key(b"p"), *g.keys(b"p", 0, 3))


@op(1)
def bytes_(g):
    key = g.key(b"p")
    return one(b"PFCOUNT", key) + one(b"STRLEN", key) + one(b"GETRANGE", key, b"0", b"200")


@op(0.5)
def damage(g):
    key = g.key(b"p")
    return one(b"SET", key, g.choice([b"HYLL", b"HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80", b"HYLL\x02" + b"\x00" * 11, b"x"])) + one(b"PFADD", key, b"a") + one(b"PFCOUNT", key) + one(b"DEL", key)


@op(0.5)
def debug(g):
    return one(b"PFDEBUG", g.case(g.choice([b"ENCODING", b"DECODE", b"GETREG", b"TODENSE", b"foo"])), g.key(b"p"))


@op(0.5)
def runs(g):
    """A sparse one whose runs are all registers, most often: few long runs of zeros and some values between."""
    left, made = 16384, b""
    while left:
        if g.chance(0.5):
            n = min(left, g.randint(1, 4))
            made += bytes([0x80 | g.randrange(32) << 2 | n - 1])
        elif g.chance(0.3):
            n = min(left, g.randint(1, 64))
            made += bytes([n - 1])
        else:
            n = min(left, g.randint(1, 6000))
            made += bytes([0x40 | n - 1 >> 8, n - 1 & 255])
        left -= n
    key, corrupt = g.key(b"p"), g.chance(0.1)
    value = b"HYLL\x01" + b"\x00" * 10 + g.choice([b"\x80", b"\x00"]) + made + b"\x00" * corrupt
    group = one(b"SET", key, value) + one(b"PFADD", key, b"e%d" % g.randrange(100000)) + one(b"PFMERGE", key, g.key(b"p"))
    group += one(b"PFDEBUG", b"DECODE", key) + one(b"PFCOUNT", key)
    # One addition is refused whole; of several, the reference makes those before the refused one.
    return group + (one(b"DEL", key) if corrupt else one(b"PFADD", key, b"a", b"b"))


@op(0.5)
def delete(g):
    return one(b"DEL", g.key(b"p"))

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
def delete(g):
    return one(b"DEL", g.key(b"p"))

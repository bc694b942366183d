"""Bitmaps: single bits, counts, positions, BITOP, BITFIELD."""

from families import Family, one

FAMILY = Family()
op = FAMILY.op


def offset(g):
    return b"%d" % g.choice([0, 1, 7, 8, 15, 63, 64, 100, 1023, g.randrange(4000)]) if g.chance(0.93) else g.choice([b"-1", b"4294967296", b"8388608", b"x", b"", b"99999999999999999999"])


@op(6)
def setbit(g):
    return one(b"SETBIT", g.key(b"b"), offset(g), g.choice([b"0", b"1", b"1"]) if g.chance(0.97) else g.choice([b"2", b"x", b"-1"]))


@op(1)
def whole(g):
    return one(b"SET", g.key(b"b"), g.choice([g.blob(), g.value(), b"\xff" * g.randrange(80), b"\x00" * g.randrange(80)]))


@op(3)
def getbit(g):
    return one(b"GETBIT", g.key(b"b"), offset(g))


def unit(g):
    return g.maybe(0.5, g.case(g.choice([b"BIT", b"BYTE"])) if g.chance(0.95) else b"FOO")


@op(3)
def bitcount(g):
    if g.chance(0.3):
        return one(b"BITCOUNT", g.key(b"b"), *g.maybe(0.1, b"1"))
    return one(b"BITCOUNT", g.key(b"b"), g.index(), g.index(), *unit(g))


@op(3)
def bitpos(g):
    bit = g.choice([b"0", b"1"]) if g.chance(0.95) else g.choice([b"2", b"x"])
    ends = g.choice([[], [g.index()], [g.index(), g.index()], [g.index(), g.index(), *unit(g)]])
    return one(b"BITPOS", g.key(b"b"), bit, *ends)


@op(3)
def bitop(g):
    name = g.case(g.choice([b"AND", b"OR", b"XOR", b"NOT"])) if g.chance(0.97) else b"NAND"
    keys = [g.key(b"b")] if name.upper() == b"NOT" and g.chance(0.9) else g.keys(b"b", 1, 3)
    return one(b"BITOP", name, g.key(b"b"), *keys)


def width(g):
    return g.choice([b"u", b"i"]) + b"%d" % g.choice([1, 2, 5, 7, 8, 13, 16, 31, 32, 33, 63]) if g.chance(0.93) else g.choice([b"i64", b"u64", b"u0", b"i65", b"x8", b"u", b""])


def place(g):
    n = b"%d" % g.choice([0, 1, 3, 8, 17, 64, 100]) if g.chance(0.95) else g.choice([b"-1", b"x", b"4294967296", b"#x"])
    return b"#" + n if g.chance(0.3) else n


@op(5)
def bitfield(g):
    words = []
    for _ in range(g.randint(0, 4)):
        x = g.random()
        if x < 0.3:
            words += [g.case(b"GET"), width(g), place(g)]
        elif x < 0.6:
            words += [g.case(b"SET"), width(g), place(g), g.integer()]
        elif x < 0.85:
            words += [g.case(b"INCRBY"), width(g), place(g), g.integer()]
        else:
            words += [g.case(b"OVERFLOW"), g.choice([b"WRAP", b"SAT", b"FAIL"]) if g.chance(0.95) else b"FOO"]
    if g.chance(0.02):
        words.append(b"GET")
    return one(g.choice([b"BITFIELD", b"BITFIELD", b"BITFIELD", b"BITFIELD_RO"]), g.key(b"b"), *words)


@op(0.4)
def delete(g):
    return one(b"DEL", g.key(b"b"))

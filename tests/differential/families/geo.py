"""Geo commands: positions, distances and searches, printed to the last digit."""

from families import Family, one

FAMILY = Family()
op = FAMILY.op
UNITS = [b"m", b"km", b"ft", b"mi"]


def unit(g):
    return g.case(g.choice(UNITS)) if g.chance(0.98) else b"ly"


def lon(g):
    return repr(round(g.uniform(-180, 180), 6)).encode() if g.chance(0.4) else repr(round(g.uniform(10, 16), 5)).encode() if g.chance(0.95) else g.choice([b"180.1", b"x", b"-181", b"nan", b"inf"])


def lat(g):
    return repr(round(g.uniform(-85, 85), 6)).encode() if g.chance(0.4) else repr(round(g.uniform(36, 42), 5)).encode() if g.chance(0.95) else g.choice([b"85.1", b"x", b"-90", b"nan"])


def place(g):
    return b"p%d" % g.randrange(30)


@op(6)
def geoadd(g):
    words = []
    for _ in range(g.choice([1, 1, 2, 5])):
        words += [lon(g), lat(g), place(g)]
    return one(b"GEOADD", g.key(b"g"), *g.maybe(0.1, g.choice([b"NX", b"XX"])), *g.maybe(0.1, b"CH"), *words)


@op(2)
def reads(g):
    x = g.random()
    if x < 0.3:
        return one(b"GEOPOS", g.key(b"g"), *[place(g) for _ in range(g.randint(0, 3))])
    if x < 0.6:
        return one(b"GEOHASH", g.key(b"g"), *[place(g) for _ in range(g.randint(0, 3))])
    return one(b"GEODIST", g.key(b"g"), place(g), place(g), *g.maybe(0.6, unit(g)))


@op(4)
def geosearch(g):
    origin = [b"FROMMEMBER", place(g)] if g.chance(0.5) else [b"FROMLONLAT", lon(g), lat(g)]
    size = b"%d" % g.choice([1, 50, 300, 2000, 20000])
    shape = [b"BYRADIUS", size, unit(g)] if g.chance(0.6) else [b"BYBOX", size, b"%d" % g.choice([1, 400, 5000]), unit(g)]
    order = g.choice([[], [b"ASC"], [b"DESC"]])
    count = g.maybe(0.3, b"COUNT", g.choice([b"1", b"3", b"100", b"0", b"-1"]))
    any_ = g.maybe(0.2, b"ANY") if count else g.maybe(0.01, b"ANY")
    parts = [origin, shape, order, count + any_]
    g.shuffle(parts)
    words = [g.case(w) if w.isalpha() and len(w) > 2 else w for p in parts for w in p]
    if g.chance(0.3):
        if count and (any_ or not order):
            return []
        return one(b"GEOSEARCHSTORE", g.key(b"g"), g.key(b"g"), *words, *g.maybe(0.4, b"STOREDIST"))
    with_ = [w for w in (b"WITHCOORD", b"WITHDIST", b"WITHHASH") if g.chance(0.3)]
    how = "same_size" if any_ else "exact" if order or count else "unordered"
    return one(b"GEOSEARCH", g.key(b"g"), *words, *with_, how=how)


@op(2)
def georadius(g):
    order = g.choice([[b"ASC"], [b"DESC"], []])
    words = [b"%d" % g.choice([1, 50, 300, 2000, 20000]), unit(g), *order, *g.maybe(0.3, b"WITHDIST"), *g.maybe(0.3, b"WITHCOORD")]
    how = "exact" if order else "unordered"
    ro = g.choice([b"", b"_RO"])
    if g.chance(0.5):
        return one(b"GEORADIUS" + ro, g.key(b"g"), lon(g), lat(g), *words, how=how)
    return one(b"GEORADIUSBYMEMBER" + ro, g.key(b"g"), place(g), *words, how=how)


@op(0.5)
def delete(g):
    return one(b"DEL", g.key(b"g"))

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


@op(1)
def store(g):
    words = [b"%d" % g.choice([1, 300, 20000]), unit(g), *g.maybe(0.2, b"ASC"), *g.maybe(0.1, b"WITHDIST")]
    words += [g.choice([b"STORE", b"STOREDIST"]), g.key(b"g")]
    ro = g.maybe(0.05, b"_RO")
    if g.chance(0.5):
        return one(b"".join([b"GEORADIUS", *ro]), g.key(b"g"), lon(g), lat(g), *words)
    return one(b"".join([b"GEORADIUSBYMEMBER", *ro]), g.key(b"g"), place(g), *words)


EDGES = [b"180", b"-180", b"179.9999", b"-179.9999", b"0", b"90"]
POLES = [b"85.05112878", b"-85.05112878", b"85", b"-84.9", b"0", b"67", b"-81"]


@op(1)
def edges(g):
    """Places and areas at the edges of the map, where cells wrap around; scores that are no places."""
    key, member = g.key(b"g"), b"edge%d" % g.randrange(6)
    add = one(b"GEOADD", key, g.choice(EDGES), g.choice(POLES), member)
    if g.chance(0.1):
        add += one(b"ZADD", key, g.choice([b"-1", b"4503599627370496", b"1e19", b"0.5", b"-1e300", b"inf"]), member)
    size = g.choice([b"0", b"0.001", b"10", b"5000", b"20000", b"1e300"])
    area = [b"BYRADIUS", size, unit(g)] if g.chance(0.6) else [b"BYBOX", size, g.choice([b"0", b"100", b"9000"]), unit(g)]
    centre = [b"FROMLONLAT", g.choice(EDGES), g.choice(POLES)] if g.chance(0.6) else [b"FROMMEMBER", member]
    add += [([b"GEOSEARCH", key, *centre, *area, b"WITHDIST", b"WITHCOORD"], "unordered")]
    return add + one(b"GEOHASH", key, member) + one(b"GEODIST", key, member, b"edge0", unit(g))


@op(0.5)
def delete(g):
    return one(b"DEL", g.key(b"g"))

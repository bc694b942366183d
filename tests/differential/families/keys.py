"""Keys of every type: expiry, rename, copy, move, sort, object, scan, and something in each pool to work on."""

from families import Family, one

FAMILY = Family()
op = FAMILY.op
# The reference's SORT refuses numbers when an earlier command left errno at ERANGE; reading a cursor clears it.
FRESH = one(b"SSCAN", b"nothing", b"0")


@op(6)
def fill(g):
    """Something of each type, in the pool where the type belongs."""
    x = g.randrange(8)
    if x == 0:
        return one(b"SET", g.key(b"s"), g.value())
    if x == 1:
        return one(b"RPUSH", g.key(b"l"), *g.words())
    if x == 2:
        return one(b"SADD", g.key(b"u"), *g.words())
    if x == 3:
        words = []
        for w in g.words():
            # No denormal score: the reference's SORT unpacks the set, and takes the ERANGE of reading it for its own.
            score = g.score()
            words += [b"1e-300" if b"e-32" in score else score, w]
        return one(b"ZADD", g.key(b"z"), *words)
    if x == 4:
        words = []
        for w in g.words():
            words += [w, b"v"]
        return one(b"HSET", g.key(b"h"), *words)
    numbers = [g.choice([b"%d" % g.randint(-9, 99), b"1.5", b"-3.25", b"1e2", b"7"]) for _ in range(g.randint(1, 12))]
    if x == 5:
        return one(b"RPUSH", g.key(b"l"), *numbers)
    if x == 6:
        return one(b"MSET", *[w for n in range(6) for w in (b"weight_%d" % g.randrange(30), g.choice([b"%d" % n, b"x%d" % n, b"%.1f" % g.uniform(-9, 9)]))])
    return one(b"HSET", b"object_%d" % g.randrange(30), b"name", g.value(), b"weight", b"%d" % g.randrange(50))


@op(3)
def delete(g):
    return one(g.choice([b"DEL", b"UNLINK"]), *g.keys())


@op(3)
def exists(g):
    return one(g.choice([b"EXISTS", b"TOUCH"]), *g.keys())


@op(1)
def type_(g):
    return one(b"TYPE", g.key())


@op(5)
def expire(g):
    key = g.key()
    x = g.random()
    if x < 0.3:
        when = (b"EXPIRE", g.ttl_s())
    elif x < 0.5:
        when = (b"PEXPIRE", g.ttl_ms())
    elif x < 0.65:
        when = (b"EXPIREAT", g.at_s())
    elif x < 0.8:
        when = (b"PEXPIREAT", g.at_ms())
    else:
        when = (g.choice([b"EXPIRE", b"PEXPIRE", b"EXPIREAT", b"PEXPIREAT"]), g.bad_ttl())
    options = [g.case(g.choice([b"NX", b"XX", b"GT", b"LT"])) for _ in range(g.choice([0, 0, 1, 1, 1, 2]))]
    return one(when[0], key, when[1], *options, *g.maybe(0.02, b"FOO"))


@op(3)
def ttl(g):
    name, how = g.choice([(b"TTL", "near_s"), (b"PTTL", "near_ms"), (b"EXPIRETIME", "near_s"), (b"PEXPIRETIME", "near_ms")])
    return one(name, g.key(), how=how)


@op(1)
def persist(g):
    return one(b"PERSIST", g.key())


@op(3)
def rename(g):
    return one(g.choice([b"RENAME", b"RENAMENX"]), g.key(), g.key())


@op(3)
def copy(g):
    options = []
    if g.chance(0.3):
        options += [b"DB", g.choice([b"0", b"1", b"1", b"15", b"16", b"-1", b"x"])]
    if g.chance(0.5):
        options.append(b"REPLACE")
    return one(b"COPY", g.key(), g.key(), *options, *g.maybe(0.02, b"FOO"))


@op(1.5)
def move(g):
    return one(b"MOVE", g.key(), g.choice([b"1", b"1", b"1", b"0", b"16", b"-1", b"abc"]))


@op(0.5)
def databases(g):
    x = g.random()
    if x < 0.6:
        return one(b"SELECT", b"1") + one(b"DBSIZE") + one(b"GET", g.key(b"s")) + one(b"DEL", g.key()) + one(b"SELECT", b"0")
    if x < 0.8:
        return one(b"SWAPDB", b"0", b"1")
    if x < 0.95:
        return one(b"SELECT", g.choice([b"16", b"-1", b"x", b"", b"99999999999999999999"]))
    return one(b"SWAPDB", g.choice([b"0", b"x"]), g.choice([b"16", b"-1", b"0", b"x"]))


@op(2)
def object_(g):
    x = g.random()
    if x < 0.7:
        return one(b"OBJECT", g.case(b"ENCODING"), g.key())
    if x < 0.85:
        return one(b"OBJECT", b"REFCOUNT", g.key(), how="positive")
    if x < 0.95:
        return one(b"OBJECT", b"IDLETIME", g.key(), how="same_type")
    return one(b"OBJECT", g.choice([b"FREQ", b"FOO", b"HELP"]), *g.maybe(0.8, g.key()))


@op(1)
def scan(g):
    options = [b"COUNT", b"100000"]
    if g.chance(0.4):
        options += [g.case(b"MATCH"), g.pattern()]
    if g.chance(0.4):
        options += [g.case(b"TYPE"), g.choice([b"string", b"list", b"SET", b"zset", b"hash", b"stream", b"foo", b""])]
    return one(b"SCAN", b"0", *options, how="scan")


@op(0.5)
def scan_wrong(g):
    return one(b"SCAN", g.choice([b"0", b"x", b"-1", b"", b"99999999999999999999", b"0x1", b"1 "]), *g.choice([[b"COUNT", b"0"], [b"COUNT", b"x"], [b"COUNT"], [b"FOO", b"1"], [b"MATCH"], [b"TYPE"], [b"COUNT", b"-5"]]))


@op(1)
def keys(g):
    return one(b"KEYS", g.pattern(), how="unordered")


@op(1)
def randomkey(g):
    return one(b"KEYS", b"*", how="unordered") + one(b"RANDOMKEY", how="picked")


@op(0.5)
def dbsize(g):
    return one(b"DBSIZE")


@op(4)
def sort(g):
    key = g.key(g.choice([b"l", b"l", b"u", b"z"]), 0.05)
    words, by, nosort, limited, alpha, store = [], False, False, False, False, False
    if g.chance(0.4):
        by = True
        pattern = g.choice([b"weight_*", b"object_*->weight", b"nosort", b"weight_*", b"*", b"object_*->", b"*->weight"])
        nosort = b"*" not in pattern
        words.append([g.case(b"BY"), pattern])
    if g.chance(0.3):
        limited = True
        words.append([g.case(b"LIMIT"), b"%d" % g.randint(-1, 4), b"%d" % g.randint(-2, 6)])
    for _ in range(g.choice([0, 0, 0, 1, 2])):
        words.append([b"GET", g.choice([b"#", b"weight_*", b"object_*->name", b"nothing", b"object_*->", b"s*"])])
    if g.chance(0.5):
        alpha = True
        words.append([g.case(b"ALPHA")])
    if g.chance(0.4):
        words.append([g.choice([b"ASC", b"DESC"])])
    if g.chance(0.2):
        store = True
        words.append([b"STORE", g.key(b"l", 0.05)])
    incomplete = g.chance(0.02)
    if incomplete:
        words.append([g.choice([b"FOO", b"LIMIT", b"BY", b"GET"])])
    g.shuffle(words)
    flat = [w for part in words for w in part]
    # Without a total order the elements come as the container holds them, or as an unstable sort left ties.
    # An option without its value swallows the next word, which may then be the pattern.
    loose = incomplete or (nosort and not key.startswith((b"l", b"z"))) or (by and alpha) or nosort
    # Without STORE, ALPHA compares up to a NUL byte, so elements tie that are not equal; with GET the ties do not show.
    ties = alpha and not store
    loose = loose or (ties and any(w[0] == b"GET" for w in words))
    how = ("same_size" if limited else "unordered") if loose else "c_strings" if ties else "exact"
    if store and loose:
        target = words[[w[0] for w in words].index(b"STORE")][1]
        return FRESH + one(b"SORT", key, *flat) + one(b"DEL", target)
    name = b"SORT" if store else g.choice([b"SORT", b"SORT", b"SORT_RO"])
    return FRESH + one(name, key, *flat, how=how)


@op(0.5)
def restore_wrong(g):
    return one(b"RESTORE", g.key(), g.choice([b"0", b"-1", b"x", b"100000"]), g.value(), *g.choice([[], [b"REPLACE"], [b"ABSTTL"], [b"IDLETIME", b"-1"], [b"FREQ", b"256"], [b"IDLETIME", b"1", b"FREQ", b"1"], [b"FOO"]]))


@op(0.3)
def dump_and_restore(g):
    """DUMP's bytes belong to --dump; here only a missing key, and payloads known to be good."""
    payloads = [b"\x00\xc0\x0a\n\x00n\x9fWE\x0e\xaeo\xbb", b"\x00\x03abc\x0a\x00\x00\x00\x00\x00\x00\x00\x00\x00"]
    return one(b"DUMP", b"nothing") + one(b"RESTORE", g.key(b"s"), g.choice([b"0", b"100000000"]), g.choice(payloads), *g.maybe(0.7, b"REPLACE"))


@op(0.02)
def flush(g):
    return one(g.choice([b"FLUSHDB", b"FLUSHALL"]), *g.maybe(0.5, g.choice([b"ASYNC", b"SYNC", b"FOO"])))

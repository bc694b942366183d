"""Errors: for every command the reference knows, wrong arity, wrong types, wrong numbers and random options."""

from families import Family, one

# Commands that change the connection or the server's role, wait, read the clock, or answer with the implementation's
# own numbers. They get wrong arity only, unless in NEVER.
ARITY_ONLY = set(
    "ACL AUTH BGREWRITEAOF BGSAVE BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN CLIENT COMMAND CONFIG DEBUG DUMP EVAL "
    "EVALSHA EVALSHA_RO EVAL_RO EXEC FAILOVER FCALL FCALL_RO FLUSHALL FLUSHDB FUNCTION HELLO HRANDFIELD HSCAN INFO LASTSAVE LATENCY "
    "MEMORY MIGRATE MODULE MULTI OBJECT PFDEBUG PSUBSCRIBE PUNSUBSCRIBE RANDOMKEY REPLCONF REPLICAOF RESTORE RESTORE-ASKING ROLE "
    "SAVE SCAN SCRIPT SLAVEOF SLOWLOG SORT SORT_RO SPOP SRANDMEMBER SSCAN SSUBSCRIBE SUBSCRIBE SUNSUBSCRIBE SWAPDB TIME UNSUBSCRIBE WAIT WATCH "
    "XADD XAUTOCLAIM XCLAIM XGROUP XINFO XPENDING XREAD XREADGROUP XSETID XTRIM ZLEXCOUNT ZRANGE ZRANGESTORE ZRANGEBYLEX ZREVRANGEBYLEX ZREMRANGEBYLEX ZRANDMEMBER ZSCAN TTL PTTL EXPIRETIME PEXPIRETIME MOVE COPY DISCARD UNWATCH RENAME "
    "GEORADIUS GEORADIUSBYMEMBER GEORADIUS_RO GEORADIUSBYMEMBER_RO GEOSEARCH GEOSEARCHSTORE".split()
)
NEVER = set("QUIT RESET SHUTDOWN MONITOR SYNC PSYNC LOLWUT PFSELFTEST SENTINEL SUBSCRIBE".split())
TIMED = set("EXPIRE PEXPIRE SETEX PSETEX SET GETEX EXPIREAT PEXPIREAT".split())
TOKENS = [b"NX", b"XX", b"GT", b"LT", b"CH", b"INCR", b"GET", b"KEEPTTL", b"EX", b"PX", b"EXAT", b"PXAT", b"PERSIST", b"LIMIT", b"WITHSCORES",
          b"REV", b"BYSCORE", b"BYLEX", b"COUNT", b"MATCH", b"LEFT", b"RIGHT", b"BEFORE", b"AFTER", b"WEIGHTS", b"AGGREGATE", b"SUM", b"MIN", b"MAX",
          b"RANK", b"MAXLEN", b"LEN", b"IDX", b"REPLACE", b"STORE", b"OVERFLOW", b"SAT", b"u8", b"i16", b"BYTE", b"BIT", b"AND", b"NOT", b"#0",
          b"(1", b"[a", b"-", b"+", b"m", b"km", b"HELP"]


class Errors(Family):
    def prepare(self, reference):
        """Reads names, arities and subcommands off the reference."""
        self.commands = []
        for kind, info in reference.call(b"COMMAND")[1]:
            name = info[0][1].decode().upper()
            if name in NEVER:
                continue
            self.commands.append((name, info[1][1], info[3][1], [s[1][0][1].split(b"|")[1] for s in info[9][1]]))
        self.commands.sort()


FAMILY = Errors()
op = FAMILY.op


def soup(g, timed):
    x = g.random()
    if x < 0.25:
        return g.key()
    if x < 0.45:
        return g.case(g.choice(TOKENS))
    if x < 0.7:
        return g.choice([b"0", b"-1", g.ttl_s(), g.ttl_s(), g.bad_ttl()]) if timed else g.integer()
    if x < 0.8 and not timed:
        return g.floating()
    return g.word() if not timed else b"m%d" % g.randrange(9)


@op(3)
def wrong_arity(g):
    name, arity, _, subcommands = g.choice(FAMILY.commands)
    words = [name.encode() if g.chance(0.7) else name.lower().encode()]
    low = abs(arity)
    if subcommands and g.chance(0.5):
        # The arity of a subcommand is its own; only the name alone or an unknown one is surely wrong.
        words.append(g.choice([b"NOSUCH", b"", b"\xff", b"no\r\nsuch"]))
        return one(*words) if name not in ("CLIENT", "COMMAND") or g.chance(0.5) else []
    if arity > 0 and g.chance(0.4):
        n = low + g.choice([1, 2, 7])
    elif low > 1:
        n = g.randint(1, low - 1)
    else:
        return []
    if subcommands and n > 1:
        n = 1
    return one(*words, *[soup(g, True) for _ in range(n - 1)])


@op(5)
def random_words(g):
    name, arity, first_key, subcommands = g.choice(FAMILY.commands)
    if name in ARITY_ONLY or subcommands:
        return []
    timed = name in TIMED
    n = abs(arity) - 1
    if arity < 0:
        n += g.choice([0, 0, 1, 2, 3, 5])
    words = [soup(g, timed) for _ in range(n)]
    if first_key and len(words) >= first_key and g.chance(0.9):
        words[first_key - 1] = g.key()
    after = one(b"SELECT", b"0") if name == "SELECT" else []
    return one(g.case(name.encode()), *words, how="loose") + after


@op(1)
def unknown(g):
    name = g.choice([b"NOSUCH", b"", b"get ", b"\x00", b"x" * 200, b"GETT", b"\r\n", b"SET\n", b"foo'bar", b"\xff\xfe"])
    return one(name, *[g.choice([g.word(), b"y" * 150, b"a\r\nb", b"q'q"]) for _ in range(g.choice([0, 1, 2, 8, 30]))])


@op(0.5)
def subcommands(g):
    name = g.choice([b"OBJECT", b"CONFIG", b"CLIENT", b"MEMORY", b"XGROUP", b"XINFO", b"SCRIPT", b"FUNCTION", b"COMMAND", b"PUBSUB", b"LATENCY", b"SLOWLOG", b"ACL", b"MODULE"])
    return one(name, g.choice([b"NOSUCH", b"nosuch", b"enc\xffoding", b"x" * 200, b""]), *g.maybe(0.6, b"a", b"b"))


@op(2)
def fill(g):
    """Keys of every type for the errors to meet."""
    x = g.randrange(5)
    return [one(b"SET", g.key(b"s"), g.value()), one(b"RPUSH", g.key(b"l"), *g.words()), one(b"SADD", g.key(b"u"), *g.words()), one(b"ZADD", g.key(b"z"), b"1", g.word()), one(b"HSET", g.key(b"h"), g.word(), b"v")][x]

"""Scripts: random ones over the whole interface, and functions. Values, conversions both ways, errors with their places,
numbers, and the libraries there and back."""

from families import Family, one

FAMILY = Family()
op = FAMILY.op

NUMBERS = ["0", "1", "-1", "3.99", "-3.99", "1e15", "123456789012345678", "2^31", "2^53", "-2^53", "0.1", "1e100", "1/3", "255",
           "65536", "-33", "-129", "2^32", "2^40", "-2^40", "1e-7"]
STRINGS = ["''", "'a'", "'hello world'", "'x/y\"z\\\\'", "'\\0\\1\\255'", "'12'", "'1.5'", "'\\r\\n'", "('ab'):rep(40)", "'0x10'"]
COMMANDS = ["'get',KEYS[1]", "'set',KEYS[1],ARGV[1]", "'incr',KEYS[1]", "'lpush',KEYS[2],1,2.5,'c'", "'lrange',KEYS[2],0,-1",
            "'hset',KEYS[3],'f',ARGV[1]", "'hgetall',KEYS[3]", "'del',KEYS[1],KEYS[2]", "'exists',KEYS[1]", "'type',KEYS[2]",
            "'sadd',KEYS[4],1,2", "'scard',KEYS[4]", "'zadd',KEYS[4],1.5,'m'", "'zscore',KEYS[4],'m'", "'nosuch'", "'get'",
            "'incrby',KEYS[1],0.5", "'append',KEYS[1],'x'", "'setrange',KEYS[1],2,'yy'", "'expire',KEYS[1],100000", "'echo',1e17",
            "'multi'", "'blpop',KEYS[4],0", "'llen',KEYS[3]", "'hincrbyfloat',KEYS[3],'n',0.1", "'ping'", "'select',1",
            "'object','encoding',KEYS[1]", "'zrange',KEYS[4],0,-1,'withscores'", "{}", "'get',nil", "'setex',KEYS[1],0,'x'"]
FORMATS = [">", "<", "b", "B", "h", "H", "l", "L", "T", "i", "I", "i3", "I7", "f", "d", "s", "x", "!4", "!", "c2", " "]


def scalar(g):
    x = g.random()
    if x < 0.4:
        return g.choice(NUMBERS)
    if x < 0.8:
        return g.choice(STRINGS)
    return g.choice(["true", "false", "nil", "cjson.null", "redis.REPL_ALL", "ARGV[1]", "#KEYS"])


def table(g, depth=0):
    """A list, or a table with one name: the order of several is nobody's."""
    inner = lambda: value(g, depth + 1)
    x = g.random()
    if x < 0.7:
        return "{%s}" % ",".join(inner() for _ in range(g.randint(0, 4)))
    return "{%s=%s}" % (g.choice(["a", "ok", "err", "double", "big_number", "map", "set", "verbatim_string", "string"]), inner())


def value(g, depth=0):
    if depth < 3 and g.chance(0.35):
        return table(g, depth)
    if depth < 3 and g.chance(0.1):
        return "redis.pcall(%s)" % g.choice(COMMANDS)
    return scalar(g)


def statement(g):
    x = g.random()
    if x < 0.35:
        return "r[#r+1]=redis.%s(%s)" % (g.choice(["call", "pcall", "pcall"]), g.choice(COMMANDS))
    if x < 0.5:
        return "local ok,e=pcall(function() return %s end) r[#r+1]=ok r[#r+1]=type(e)=='table' and 't' or tostring(e)" % expression(g)
    if x < 0.6:
        return "redis.setresp(%d)" % g.choice([2, 3])
    if x < 0.65:
        return g.choice(["foo=1", "redis.x=1", "error('x')", "error({err='E x'})", "error()", "r[#r+1]=foo", "local a=nil .. 1"])
    return "r[#r+1]=%s" % expression(g)


def expression(g):
    x = g.random()
    if x < 0.2:
        return "cjson.encode(%s)" % value(g)
    if x < 0.35:
        return "cjson.encode(cjson.decode(cjson.encode(%s)))" % value(g)
    if x < 0.45:
        return "cmsgpack.pack(%s)" % ",".join(value(g) for _ in range(g.randint(1, 3)))
    if x < 0.55:
        return "cjson.encode({cmsgpack.unpack(cmsgpack.pack(%s))})" % value(g)
    if x < 0.68:
        form = "".join(g.choice(FORMATS) for _ in range(g.randint(1, 5)))
        arguments = ",".join(scalar(g) for _ in range(g.randint(0, 5)))
        return "struct.pack('%s'%s)" % (form, "," + arguments if arguments else "")
    if x < 0.75:
        form = "".join(g.choice(FORMATS) for _ in range(g.randint(1, 4)))
        return "{struct.unpack('%s','\\1\\2\\3\\4\\5\\6\\7\\8\\9abc\\0def')}" % form
    if x < 0.85:
        name = g.choice(["tobit", "bnot", "band", "bor", "bxor", "lshift", "rshift", "arshift", "rol", "ror", "bswap", "tohex"])
        return "bit.%s(%s)" % (name, ",".join(g.choice(NUMBERS) for _ in range(g.randint(1, 3))))
    if x < 0.9:
        return g.choice(["tostring(%s)", "tonumber(%s)", "redis.sha1hex(%s)", "redis.error_reply(%s)", "redis.status_reply(%s)",
                         "type(%s)"]) % scalar(g)
    if x < 0.93:
        return g.choice(["math.floor(%s)", "math.random(%s)", "string.format('%%s',%s)", "string.rep('ab',%s):len()"]) % g.choice(
            ["1", "7", "2.5", "-1"])
    return value(g)


def script(g):
    return "local r={} %s return r" % " ".join(statement(g) for _ in range(g.randint(1, 4)))


def words(g, body):
    keys = [g.key(b"s"), g.key(b"l"), g.key(b"h"), g.key()]
    return [body.encode("latin-1"), b"4", *keys, g.value(), g.integer()]


@op(6)
def eval_(g):
    return one(b"EVAL", *words(g, script(g)))


@op(2)
def eval_simple(g):
    return one(b"EVAL", *words(g, "return %s" % (expression(g) if g.chance(0.5) else value(g))))


@op(1)
def eval_ro(g):
    return one(b"EVAL_RO", *words(g, "return redis.call(%s)" % g.choice(COMMANDS)))


@op(1)
def eval_with_flags(g):
    head = g.choice(["#!lua\n", "#!lua flags=no-writes\n", "#!lua flags=allow-oom,no-cluster\n", "#!lua flags=x\n", "#!py\n", "#!lua"])
    return one(b"EVAL", *words(g, head + "return redis.call(%s)" % g.choice(COMMANDS)))


@op(1)
def eval_malformed(g):
    return one(b"EVAL", *g.choice([[b"return 1", b"-1"], [b"return 1", b"5", b"a"], [b"return 1", b"x"], [b"return", b"0"],
                                   [b"retur 1", b"0"], [b"return 1 1", b"0"], [b"\x1bLua", b"0"], [b"", b"0"], [b"return '", b"0"]]))


@op(1)
def script_cache(g):
    body = b"return %d" % g.randint(0, 5)
    import hashlib

    sha = hashlib.sha1(body).hexdigest().encode()
    return one(*g.choice([[b"SCRIPT", b"LOAD", body], [b"SCRIPT", b"EXISTS", sha, b"x"], [b"EVALSHA", sha, b"0"],
                          [b"EVALSHA", sha.upper(), b"0"], [b"EVALSHA_RO", sha, b"0"], [b"SCRIPT", b"FLUSH"], [b"EVALSHA", b"x", b"0"]]))


@op(1)
def functions(g):
    name = b"lib%d" % g.randint(0, 2)
    body = g.choice([b"redis.register_function('f%d', function(keys, args) return redis.call('get', keys[1]) end)",
                     b"redis.register_function{function_name='f%d', callback=function(keys, args) return args end, flags={'no-writes'}}",
                     b"redis.register_function('f%d', function(keys) return redis.call('incr', keys[1]) end)"]) % g.randint(0, 3)
    code = b"#!lua name=" + name + b"\n" + body
    return one(*g.choice([[b"FUNCTION", b"LOAD", b"REPLACE", code], [b"FUNCTION", b"LOAD", code], [b"FUNCTION", b"DELETE", name],
                          [b"FUNCTION", b"STATS"], [b"FUNCTION", b"LIST", b"LIBRARYNAME", name, b"WITHCODE"],
                          [b"FUNCTION", b"LOAD", b"#!lua name=bad\nreturn 1"]]))


@op(2)
def fcall(g):
    return one(g.choice([b"FCALL", b"FCALL", b"FCALL_RO"]), b"f%d" % g.randint(0, 4), b"1", g.key(b"s"), g.value())

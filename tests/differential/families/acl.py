"""Users: random rules, what they describe and what they allow, by DRYRUN and by logging in; and the log of what was denied.

Single commands stand in no particular order in a description, and the categories it is made of depend on which commands
there are; so descriptions are compared by what they allow of the reference's commands.
"""

import families
from compare import aggregate, pairs, rule
from families import Family, one

DATA = ["strings", "lists", "sets", "sorted_sets", "hashes", "keys"]
USERS = [b"alice", b"bob", b"carol", b"dave"]
PASSWORDS = [b"", b"a", b"secret", b"\x00\xff", b"p p"]
HASH = b"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
CHANNELS = [b"news", b"news.a", b"news.b", b"other"]
# They would wait for what a denied command did not bring.
WAITING = (b"BLPOP", b"BRPOP", b"BLMOVE", b"BRPOPLPUSH", b"BLMPOP", b"BZPOPMIN", b"BZPOPMAX", b"BZMPOP", b"WAIT", b"XREAD", b"XREADGROUP")


class Acl(Family):
    def prepare(self, reference):
        """Reads the commands, their subcommands and categories off the reference."""
        self.data = [families.load(n) for n in DATA]
        self.categories = [name for _, name in reference.call(b"ACL", b"CAT")[1]]
        self.subcommands, self.members = {}, {c: set() for c in self.categories}

        def take(info):
            name = info[0][1].lower()
            for _, category in info[6][1]:
                self.members[category.lstrip(b"@")].add(name)
            return name

        for _, info in reference.call(b"COMMAND")[1]:
            name = take(info)
            self.subcommands[name] = [take(sub) for _, sub in info[9][1]]
        self.commands = sorted(self.subcommands) + sorted(s for subs in self.subcommands.values() for s in subs)


FAMILY = Acl()
op = FAMILY.op


def allowed(text):
    """What a description allows: commands, first arguments, and whether commands to come are allowed."""
    commands, first, future = set(), set(), False
    for word in text.split():
        on, name = word[:1] == b"+", word[1:]
        if name == b"@all":
            commands, first, future = set(FAMILY.commands) if on else set(), set(), on
            continue
        if name.startswith(b"@"):
            changed = [c for c in FAMILY.commands if c in FAMILY.members[name[1:]]]
        elif name in FAMILY.subcommands or name in FAMILY.commands:
            changed = [name]
        elif name.partition(b"|")[0] in FAMILY.subcommands and not FAMILY.subcommands[name.partition(b"|")[0]]:
            first.add(name.lower())
            continue
        else:
            # A command that the reference does not have.
            continue
        for command in changed:
            for c in [command] + FAMILY.subcommands.get(command, []):
                (commands.add if on else commands.discard)(c)
            first = {f for f in first if f.partition(b"|")[0] != command}
    return frozenset(commands), frozenset(first), future


def split_rules(text):
    """A description as what stands before its commands, and what the commands allow, for each selector."""
    parts = []
    for part in text.replace(b")", b"").split(b" ("):
        words = part.split(b" ")
        at = next((i for i, w in enumerate(words) if w in (b"+@all", b"-@all")), len(words))
        parts.append((words[:at], allowed(b" ".join(words[at:]))))
    return parts


@rule
def acl_user(ref, sut, back):
    """ACL GETUSER."""
    if not (aggregate(ref) and aggregate(sut)):
        return None if ref == sut else "replies differ"
    if ref[0] != sut[0] or len(ref[1]) != len(sut[1]):
        return "replies differ"
    for (_, (name, value)), (_, (other_name, other)) in zip(pairs(ref[1]), pairs(sut[1])):
        if name != other_name:
            return "fields differ"
        if name[1] == b"commands":
            if allowed(value[1]) != allowed(other[1]):
                return "commands differ"
        elif name[1] == b"selectors":
            if len(value[1]) != len(other[1]):
                return "numbers of selectors differ"
            for one_of, other_of in zip(value[1], other[1]):
                why = acl_user(one_of, other_of, None)
                if why:
                    return why
        elif value != other:
            return f"{name[1].decode()} differ"
    return None


@rule
def acl_list(ref, sut, back):
    """ACL LIST."""
    if not (aggregate(ref) and aggregate(sut)) or len(ref[1]) != len(sut[1]):
        return None if ref == sut else "replies differ"
    for (_, a), (_, b) in zip(ref[1], sut[1]):
        if split_rules(a) != split_rules(b):
            return "rules differ"
    return None


@rule
def acl_log(ref, sut, back):
    """ACL LOG without clients, times and numbers of entries."""
    if not (aggregate(ref) and aggregate(sut)):
        return None if ref == sut else "replies differ"

    def facts(reply):
        return [[p[1] for p in pairs(entry[1])][:5] for entry in reply[1]]

    return None if facts(ref) == facts(sut) else "entries differ"


def command_name(g):
    name = g.choice(FAMILY.commands)
    return name.upper() if g.chance(0.2) else name


def selector_rule(g):
    x = g.random()
    sign = g.choice([b"+", b"+", b"-"])
    if x < 0.3:
        return sign + b"@" + g.choice(FAMILY.categories)
    if x < 0.5:
        return sign + command_name(g)
    if x < 0.6:
        return sign + g.choice([b"@all", b"get", b"set", b"del", b"mget", b"config|get", b"multi", b"exec"])
    if x < 0.64:
        return b"+" + g.choice([b"select|0", b"select|9", b"get|s1", b"debug|object", b"set|S2"])
    if x < 0.8:
        return g.choice([b"~", b"~", b"%R~", b"%W~", b"%RW~", b"%r~"]) + g.choice([g.key(), g.key()[:1] + b"*", b"*", b"", b"?1", b"[a-s]*", b"s\\1"])
    if x < 0.88:
        return b"&" + g.choice(CHANNELS + [b"news.*", b"*", b"n?ws"])
    if x < 0.97:
        return g.choice([b"allkeys", b"resetkeys", b"allchannels", b"resetchannels", b"allcommands", b"nocommands", b"ALLKEYS"])
    return g.choice([b"%~x", b"%", b"%RR~x", b"%X~k", b"+nosuch", b"-nosuch", b"+@nosuch", b"+config|nosuch", b"+config|get|x", b"+get|", b"-get|x",
                     b"~a b", b"&a b", b"foo", b"\xff", b"+", b"-", b"~a\x00b", b"on\x00x"])


def user_rule(g):
    x = g.random()
    if x < 0.6:
        return [selector_rule(g)]
    if x < 0.7:
        return [g.choice([b"on", b"off", b"ON", b"nopass", b"resetpass", b"sanitize-payload", b"skip-sanitize-payload"])]
    if x < 0.8:
        return [g.choice([b">", b">", b"<"]) + g.choice(PASSWORDS)] if g.chance(0.8) else [g.choice([b"#", b"!"]) + g.choice([HASH, HASH, b"abc", HASH.upper()])]
    if x < 0.83:
        return [g.choice([b"reset", b"clearselectors", b""])]
    rules = [selector_rule(g) for _ in range(g.randint(0, 4))]
    if g.chance(0.1):
        return [g.choice([b"(", b")", b"(()", b"(\"x)", b"(on)", b"( )"])]
    text = b"(" + b" ".join(rules) + b")"
    return [text] if g.chance(0.5) else text.split(b" ")


@op(6)
def setuser(g):
    name = g.choice(USERS) if g.chance(0.98) else g.choice([b"a b", b"", b"x\x00y"])
    if name == b"":
        return []
    rules = [r for _ in range(g.randint(0, 6)) for r in user_rule(g)]
    start = [b"reset"] if g.chance(0.15) else []
    user = g.choice(USERS)
    return one(b"ACL", b"SETUSER", name, *start, *rules) + one(b"ACL", b"GETUSER", user, how="acl_user")


@op(2)
def generous(g):
    """Somebody who can log in and do something."""
    rules = [b"on", b"nopass", *g.choice([[b"+@all"], [b"+@all", b"-@dangerous"], [b"+@read", b"+@write", b"+@transaction"]])]
    rules += g.choice([[b"allkeys"], [b"~s*", b"%R~*"], [b"~?1", b"%W~l*"], [b"(~h* +@hash)", b"(~z* %R~* +@all)"]])
    return one(b"ACL", b"SETUSER", g.choice(USERS), b"reset", *rules)


def requests(g, most):
    ops = []
    for _ in range(g.randint(1, most)):
        ops += g.choice(FAMILY.data).draw(g)
    unfit = WAITING + (b"SELECT", b"SWAPDB", b"AUTH", b"RESET", b"QUIT", b"SORT", b"SORT_RO")

    def fits(args, how):
        # A range by name over members of different scores, whose preparation may have been denied here, holds what chance
        # made of the skip list. And what chance picks is compared with replies that may have been denied.
        by_name = b"LEX" in args[0].upper() or any(arg.upper() == b"BYLEX" for arg in args[1:])
        return not by_name and args[0].upper() not in unfit and how in ("exact", "unordered", "unordered_pairs")

    return [o for o in ops if fits(*o)][:12]


@op(6)
def dryrun(g):
    user = g.choice(USERS) if g.chance(0.97) else b"nosuch"
    return [([b"ACL", b"DRYRUN", user, *args], "exact") for args, _ in requests(g, 3)]


@op(2)
def dryrun_others(g):
    request = g.choice([
        [b"PUBLISH", g.choice(CHANNELS), b"m"], [b"SPUBLISH", g.choice(CHANNELS), b"m"], [b"SUBSCRIBE", g.choice(CHANNELS), g.choice(CHANNELS)],
        [b"PSUBSCRIBE", g.choice(CHANNELS + [b"news.*", b"n?ws"])], [b"UNSUBSCRIBE", b"x"], [b"SELECT", g.choice([b"0", b"9"])], [b"CONFIG", b"GET", b"x"],
        [b"CONFIG"], [b"CONFIG", b"NOSUCH"], [b"NOSUCH"], [b"GET"], [b"DEBUG", b"OBJECT", g.key()], [b"PING"], [b"AUTH", b"x"], [b"CLIENT", b"ID"],
        [b"SORT", g.key(), b"BY", b"w*", b"STORE", g.key()], [b"ACL", b"WHOAMI"], [b"OBJECT", b"ENCODING", g.key()], [b"MULTI"],
    ])
    return one(b"ACL", b"DRYRUN", g.choice(USERS), *request)


@op(5)
def logged_in(g):
    """Requests of a user, at once or as a transaction; then the default user again."""
    user, password = g.choice(USERS), g.choice(PASSWORDS)
    ops = requests(g, 4)
    if g.chance(0.3):
        ops = one(b"MULTI") + ops + one(b"EXEC")
    return one(b"AUTH", user, password) + ops + one(b"AUTH", b"default", b"x") + one(b"ACL", b"LOG", how="acl_log")


@op(1)
def sorts_by_pattern(g):
    key, user = g.key(b"l"), g.choice(USERS)
    sort = [g.choice([b"SORT", b"SORT_RO"]), key, *g.choice([[b"BY", b"w*"], [b"GET", b"#"], [b"BY", b"nosort"], [b"ALPHA"]])]
    return one(b"AUTH", user, b"x") + one(*sort, how="loose") + one(b"AUTH", b"default", b"x")


@op(1)
def look(g):
    return g.choice([
        one(b"ACL", b"LIST", how="acl_list"), one(b"ACL", b"USERS"), one(b"ACL", b"WHOAMI"), one(b"ACL", b"CAT"), one(b"ACL", b"LOG", b"3", how="acl_log"),
        one(b"ACL", b"GETUSER", g.choice(USERS + [b"nosuch", b"default"]), how="acl_user"), one(b"ACL", b"CAT", b"nosuch"),
    ])


@op(0.5)
def take_away(g):
    return g.choice([
        one(b"ACL", b"DELUSER", g.choice(USERS), g.choice(USERS)), one(b"ACL", b"DELUSER", b"nosuch", *g.maybe(0.3, b"default")), one(b"ACL", b"LOG", b"RESET"),
        one(b"CONFIG", b"SET", b"acl-pubsub-default", g.choice([b"allchannels", b"resetchannels"])),
        one(b"CONFIG", b"SET", b"acllog-max-len", g.choice([b"0", b"2", b"128"])),
    ])

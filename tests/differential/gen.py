"""Where random commands get their words from.

`Gen` is a seeded `random.Random` with a vocabulary. Keys come in pools by preferred type, and one time in ten from
any pool, so that most commands do something and collisions of types still happen. Times to live are long, so that
nothing expires by itself during a run, and drawn from a wide range, so that a millisecond never decides GT or LT.
"""

import random

POOLS = {
    b"s": 12, b"l": 9, b"u": 9, b"z": 9, b"h": 9, b"b": 5, b"p": 4, b"g": 4, b"x": 5,
}
ODD_KEYS = [b"", b"odd\x00\xff\r\nkey", b"{tag}k", b"k*[a-c]?\\"]
# A moment in 2040, in seconds: far enough for every run, and exact on both servers.
FUTURE_S = 2_208_988_800

INT_SOUP = [b"abc", b"", b" 1", b"1 ", b"+1", b"-0", b"01", b"1e3", b"0x10", b"1.5", b"9223372036854775807",
            b"-9223372036854775808", b"9223372036854775808", b"-9223372036854775809", b"2147483647", b"2147483648",
            b"-2147483649", b"4294967296", b"99999999999999999999", b"\x00", b"nan", b"inf", b"--1", b"1\x00"]
FLOAT_SOUP = [b"inf", b"-inf", b"+inf", b"nan", b"Infinity", b"-INFINITY", b"1e308", b"-1e308", b"1e309", b"1e-320",
              b"0x1p3", b"0x1F", b"1.5abc", b"", b".5", b"5.", b"5e", b" 1", b"1 ", b"-0", b"0.0", b"-0.0", b"1_0", b"1,5",
              b"3.0e3", b"5.0e-324", b"179769313486231570000000000000000000000", b"0.1", b"0.30000000000000004", b"(1"]


class Gen(random.Random):
    """Random words; every choice comes from the seed."""

    def __init__(self, seed):
        super().__init__(seed)
        self.seed_text = str(seed)
        self.big = 0.01

    def chance(self, p):
        return self.random() < p

    def key(self, pool=None, stray=0.1):
        """A key, mostly from the pool of the wanted type."""
        if pool is None or self.chance(stray):
            if self.chance(0.08):
                return self.choice(ODD_KEYS)
            pool = self.choice(list(POOLS))
        return b"%b%d" % (pool, self.randrange(POOLS[pool]))

    def keys(self, pool=None, low=1, high=4):
        return [self.key(pool) for _ in range(self.randint(low, high))]

    def small(self):
        return b"%d" % self.randint(-12, 20)

    def index(self):
        """An index: mostly near the ends of small collections."""
        x = self.random()
        if x < 0.7:
            return b"%d" % self.randint(-12, 12)
        if x < 0.93:
            return b"%d" % self.randint(-300, 300)
        return self.choice(INT_SOUP)

    def integer(self):
        """An integer argument, one time in ten a strange one."""
        x = self.random()
        if x < 0.6:
            return self.small()
        if x < 0.9:
            return b"%d" % self.randint(-(1 << self.randint(4, 62)), 1 << self.randint(4, 62))
        return self.choice(INT_SOUP)

    def count(self):
        """A number of elements."""
        return b"%d" % self.choice([0, 1, 1, 1, 2, 2, 3, 5, 10, 200]) if self.chance(0.9) else self.choice(INT_SOUP + [b"-1", b"-5"])

    def floating(self):
        x = self.random()
        if x < 0.35:
            return self.small()
        if x < 0.6:
            return b"%.2f" % self.uniform(-50, 50)
        if x < 0.75:
            return repr(self.uniform(-1, 1) * 10 ** self.randint(-12, 18)).encode()
        if x < 0.8:
            return b"%d" % self.randint(-(1 << 62), 1 << 62)
        if x < 0.86:
            return self.choice([b"inf", b"-inf", b"+inf"])
        return self.choice(FLOAT_SOUP)

    def score(self):
        """A score, nearly always valid, from few values so that ties happen."""
        x = self.random()
        if x < 0.6:
            return b"%d" % self.randint(-5, 12)
        if x < 0.75:
            return self.choice([b"0.5", b"1.5", b"-0.25", b"3.14159", b"1e3", b"-inf", b"inf", b"0", b"-0"])
        if x < 0.95:
            return repr(round(self.uniform(-100, 100), self.randint(0, 14))).encode()
        return self.floating()

    def blob(self):
        """Random bytes."""
        return bytes(self.getrandbits(8) for _ in range(self.choice([1, 2, 5, 9, 20, 64])))

    def value(self):
        """A value: words, numbers, lengths on both sides of 44, 64 and 256 bytes, binary bytes, nothing."""
        x = self.random()
        if x < 0.3:
            return b"v%d" % self.randrange(200)
        if x < 0.5:
            return b"%d" % self.randint(-20, 20000)
        if x < 0.55:
            return b"%d" % self.randint(-(1 << 63), (1 << 63) - 1)
        if x < 0.62:
            return repr(self.uniform(-1000, 1000)).encode()
        if x < 0.78:
            return self.choice([b"a", b"xy", b"\x00", b"Q"]) * self.choice([3, 15, 16, 17, 20, 43, 44, 45, 63, 64, 65])
        if x < 0.86:
            return self.blob()
        if x < 0.89:
            return b""
        if x < 0.9:
            return b"w" * self.choice([255, 256, 257, 1000, 4100, 9000])
        return self.choice(INT_SOUP + FLOAT_SOUP)

    def word(self):
        """A member or field: few distinct ones so that commands meet, sometimes long, sometimes only digits."""
        x = self.random()
        if x < 0.45:
            return b"m%d" % self.randrange(24)
        if x < 0.8:
            return b"%d" % self.randrange(-4, 30)
        if x < 0.88:
            return self.choice([b"a", b"b", b"c", b"", b"B", b"aa", b"\xff\x00", b"ab", b"1.0"])
        return self.value()

    def number_word(self):
        """A member that keeps an intset an intset."""
        x = self.random()
        if x < 0.8:
            return b"%d" % self.randrange(-10, 40)
        return b"%d" % self.choice([127, 128, 32767, 32768, -32769, 65536, 2147483647, 2147483648, -2147483649, (1 << 63) - 1, -(1 << 63)])

    def many(self):
        """How many elements to add at once: mostly few, now and then past the limit of a small encoding."""
        x = self.random()
        if x < 1 - 0.06 - self.big:
            return self.choice([1, 1, 1, 2, 3, 4])
        if x < 1 - self.big:
            return self.choice([7, 8, 9, 12, 16, 20])
        return self.choice([126, 127, 128, 129, 140, 511, 512, 513])

    def words(self, low=0):
        n = max(low, self.many())
        if n > 100:
            start = self.randrange(1000)
            if self.chance(0.5):
                return [b"%d" % (start + i) for i in range(n)]
            return [b"m%d" % (start + i) for i in range(n)]
        f = self.number_word if self.chance(0.3) else self.word
        return [f() for _ in range(n)]

    def ttl_s(self):
        """Seconds from now: never decided by the clock."""
        return b"%d" % self.randint(20_000, 90_000_000)

    def ttl_ms(self):
        return b"%d" % self.randint(20_000_000, 90_000_000_000)

    def bad_ttl(self):
        return self.choice([b"0", b"-1", b"-100", b"9223372036854775807", b"-9223372036854775808", b"9223372036854775",
                            b"9223372036854776", b"abc", b"", b"1.5", b"99999999999999999999", b" 5"])

    def at_s(self):
        return b"%d" % (FUTURE_S + self.randrange(50))

    def at_ms(self):
        return b"%d" % (FUTURE_S * 1000 + self.randrange(50))

    def case(self, word):
        """The same keyword in another case, sometimes."""
        return word if self.chance(0.8) else word.lower() if self.chance(0.7) else word.title()

    def maybe(self, p, *words):
        return list(words) if self.chance(p) else []

    def pattern(self):
        return self.choice([b"*", b"s*", b"?1*", b"[lz]*", b"*1", b"h[^1]", b"m*", b"\\m*", b"", b"[a", b"*[0-5]", b"**", b"k\\*[[]*",
                            b"[z-a]*", b"*\xff*", b"m1?", b"[0-9]"])

"""kill -9 under mixed load, again and again, in one folder with `appendfsync always`, or with `--policy everysec`.

After each restart: what was acknowledged is there; what was not is there as a prefix of what was sent; pairs written in
MULTI are equal; what a reader was shown is not newer than what is there; what was popped for somebody stays popped;
what expired stays gone, and a deadline that was taken away does not come back. With `everysec` what was acknowledged two
seconds before the kill counts, for steps and pairs.
"""

import random
import sys
import threading
import time

from kit import Failure, Node, check, encode, main, options, parse, value, Incomplete
import socket


class Wire:
    """A socket on which requests are sent and replies counted, until the server dies."""

    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buf = bytearray()

    def send(self, requests):
        self.sock.sendall(b"".join(encode(r) for r in requests))

    def read(self):
        while True:
            try:
                reply, used = parse(self.buf, 0)
                del self.buf[:used]
                return reply
            except (Incomplete, IndexError):
                data = self.sock.recv(1 << 20)
                if not data:
                    raise ConnectionError
                self.buf += data


class Worker(threading.Thread):
    """Loads the server until it dies. `sent` and `acked` count steps."""

    def __init__(self, port, seed, name):
        super().__init__(daemon=True)
        self.random, self.p, self.port = random.Random(f"{seed}/{name}"), name.encode(), port
        self.sent = self.acked = 0
        self.past = []
        self.problem = None

    def run(self):
        try:
            self.wire = Wire(self.port)
            while True:
                self.turn()
                self.past.append((time.monotonic(), self.acked))
        except (OSError, ConnectionError):
            pass
        except Exception as e:
            self.problem = f"{type(self).__name__} {self.p.decode()}: {type(e).__name__} {e}"

    def key(self, name):
        return self.p + b":" + name

    def forgive(self, since):
        """What was acknowledged after this moment may be lost."""
        self.acked = max((acked for at, acked in self.past if at <= since), default=0)


class Pipelines(Worker):
    """Steps of all kinds on keys of its own, many at once. The state after a restart is that of some step."""

    def request(self, n):
        k = self.key
        v = b"%d" % n
        return [
            (b"SET", k(b"s%d" % (n % 7)), v * (1 + n % 40)), (b"INCR", k(b"n")), (b"RPUSH", k(b"l"), v), (b"LTRIM", k(b"l"), b"-50", b"-1"),
            (b"HSET", k(b"h"), b"f%d" % (n % 60), v), (b"ZADD", k(b"z"), v, b"m%d" % (n % 140)), (b"SADD", k(b"u"), v),
            (b"APPEND", k(b"a"), v), (b"DEL", k(b"a") if n % 500 == 7 else k(b"none")), (b"INCRBYFLOAT", k(b"f"), b"0.5"),
            (b"SMOVE", k(b"u"), k(b"u2"), b"%d" % (n - 5)), (b"LMOVE", k(b"l"), k(b"l2"), b"LEFT", b"RIGHT"), (b"SETRANGE", k(b"a"), b"3", v),
        ][n % 13]

    def turn(self):
        count = self.random.choice([1, 1, 5, 50, 300])
        requests = [self.request(n) for n in range(self.sent, self.sent + count)]
        self.sent += count
        self.wire.send(requests)
        for _ in requests:
            reply = self.wire.read()
            check(reply[0] != "-", f"an error reply {reply}")
            self.acked += 1

    READS = [(b"s%d" % i, b"GET") for i in range(7)] + [(b"n", b"GET"), (b"a", b"GET"), (b"f", b"GET")]

    def state(self, c):
        k = self.key
        state = {name: value(c.call(how, k(name))) for name, how in self.READS}
        state[b"l"] = value(c.call(b"LRANGE", k(b"l"), b"0", b"-1"))
        state[b"l2"] = value(c.call(b"LLEN", k(b"l2")))
        state[b"h"] = dict(zip(*[iter(value(c.call(b"HGETALL", k(b"h"))))] * 2))
        state[b"z"] = value(c.call(b"ZRANGE", k(b"z"), b"0", b"-1", b"WITHSCORES"))
        state[b"u"] = set(value(c.call(b"SMEMBERS", k(b"u"))))
        state[b"u2"] = set(value(c.call(b"SMEMBERS", k(b"u2"))))
        return state

    def verify(self, c):
        """Some number of steps from the acknowledged to the sent gives what is there: found with a scratch copy."""
        there = self.state(c)
        scratch = type(self).__new__(type(self))
        scratch.p = b"scratch"
        c.pipeline([(b"DEL",) + tuple(scratch.key(n) for n in list(there))])
        steps = [scratch.request(n) for n in range(self.sent)]
        # The counter goes up at every 13th step, so it tells how many there were at least.
        first = min(max(self.acked, 13 * (int(there[b"n"] or 0) - 1) + 1), self.sent)
        for at in range(0, first, 5000):
            c.pipeline(steps[at : min(at + 5000, first)])
        for n in range(first, self.sent + 1):
            state = scratch.state(c)
            if state == there:
                return
            if n < self.sent:
                c.call(*steps[n])
        wrong = [f"{name}: there {there[name]!r:.300}, after all that was sent {state[name]!r:.300}" for name in there if there[name] != state[name]]
        raise Failure(f"pipelines: no step between {self.acked} acknowledged and {self.sent} sent gives what is there: " + "; ".join(wrong))


class Pairs(Worker):
    """Two keys and a counter, written in MULTI, half of the time with a queue that is sent at once."""

    def turn(self):
        self.sent += 1
        n = b"%d" % self.sent
        k = self.key
        requests = [(b"MULTI",), (b"SET", k(b"a"), n), (b"INCR", k(b"n")), (b"SELECT", b"3"), (b"SET", k(b"b"), n), (b"SELECT", b"0"), (b"RPUSH", k(b"c"), n), (b"EXEC",)]
        self.wire.send(requests)
        replies = [self.wire.read() for _ in requests]
        check(replies[-1][0] == "*", f"EXEC answered {replies[-1]}")
        self.acked += 1

    def verify(self, c):
        k = self.key
        a, n, count = value(c.call(b"GET", k(b"a"))), value(c.call(b"GET", k(b"n"))), value(c.call(b"LLEN", k(b"c")))
        c.call(b"SELECT", b"3")
        b = value(c.call(b"GET", k(b"b")))
        c.call(b"SELECT", b"0")
        a, b, n = int(a or 0), int(b or 0), int(n or 0)
        check(a == b == n == count, f"half a MULTI: a {a}, b {b}, n {n}, list {count}")
        check(self.acked <= a <= self.sent, f"pairs: {self.acked} acknowledged, {a} there, {self.sent} sent")


class Producer(Worker):
    """Fills a queue that others pop from."""

    def turn(self):
        self.sent += 1
        self.wire.send([(b"RPUSH", b"q", b"%b-%d" % (self.p, self.sent))])
        self.wire.read()
        self.acked += 1
        if self.sent % 10 == 0:
            time.sleep(0.002)

    def verify(self, c):
        pass


class Popper(Worker):
    """Blocks for elements of the queue: takes them away, or moves them."""

    def __init__(self, port, seed, name, moves):
        super().__init__(port, seed, name)
        self.moves, self.got = moves, []

    def turn(self):
        self.sent += 1
        request = (b"BLMOVE", b"q", b"moved", b"LEFT", b"RIGHT", b"0") if self.moves else (b"BLPOP", b"q", b"none", b"0")
        self.wire.send([request])
        reply = value(self.wire.read())
        self.got.append(reply if self.moves else reply[1])
        self.acked += 1

    def verify(self, c):
        pass


class SetPopper(Worker):
    """Fills a set and takes from it by chance."""

    def __init__(self, *args):
        super().__init__(*args)
        self.added, self.popped = set(), set()
        self.adding, self.popping = set(), 0

    def turn(self):
        self.adding = {b"%d" % (self.sent * 10 + i) for i in range(10)}
        self.sent += 1
        self.wire.send([(b"SADD", self.key(b"p"), *self.adding)])
        self.wire.read()
        self.added |= self.adding
        self.adding = set()
        self.popping = self.random.choice([1, 2, 7])
        request = (b"SPOP", self.key(b"p")) if self.popping == 1 else (b"SPOP", self.key(b"p"), b"%d" % self.popping)
        self.wire.send([request])
        got = value(self.wire.read())
        self.popped |= {got} if self.popping == 1 else set(got)
        self.popping = 0

    def verify(self, c):
        there = set(value(c.call(b"SMEMBERS", self.key(b"p"))))
        check(not there & self.popped, f"popped members came back: {sorted(there & self.popped)[:5]}")
        check(there - self.adding <= self.added, "members that nobody added")
        lost = self.added - self.popped - there
        check(len(lost) in (0, self.popping), f"{len(lost)} members lost with {self.popping} being popped")


class Expirer(Worker):
    """Keys with deadlines short and long, deadlines taken away, counters that live on past them."""

    def __init__(self, *args):
        super().__init__(*args)
        self.kept, self.timed, self.short = {}, {}, {}

    def turn(self):
        self.sent += 1
        n = self.sent
        k = self.key(b"e%d" % n)
        ttl = self.random.choice([1, 3, 20, 100, 400])
        way = n % 5
        if way == 0:
            self.wire.send([(b"SET", k, b"v", b"PX", b"%d" % (ttl + 100)), (b"PERSIST", k)])
            self.wire.read()
            if self.wire.read() == (":", 1):
                self.kept[k] = b"v"
        elif way == 1:
            before = time.time() * 1000
            self.wire.send([(b"SET", k, b"v"), (b"EXPIRE", k, b"1000"), (b"APPEND", k, b"w")])
            for _ in range(3):
                self.wire.read()
            self.timed[k] = (b"vw", before + 1_000_000, time.time() * 1000 + 1_000_000)
        elif way == 2:
            self.wire.send([(b"SET", k, b"5", b"PX", b"%d" % ttl), (b"INCR", k)])
            self.wire.read()
            if self.wire.read() == (":", 6):
                # It had not expired before INCR, so that it expires afterwards.
                self.short[k] = time.time() + ttl / 1000
        elif way == 3:
            self.wire.send([(b"HSET", k, b"f", b"v"), (b"PEXPIRE", k, b"%d" % ttl), (b"HSET", k, b"f2", b"v")])
            for _ in range(2):
                self.wire.read()
            if self.wire.read() == (":", 1) and value(self.call(b"PTTL", k)) >= 0:
                self.short[k] = time.time() + ttl / 1000
        else:
            self.wire.send([(b"SET", k, b"old", b"PX", b"%d" % ttl), (b"SET", k, b"new", b"KEEPTTL"), (b"SET", k, b"newest")])
            for _ in range(3):
                self.wire.read()
            self.kept[k] = b"newest"
        time.sleep(0.001)

    def call(self, *args):
        self.wire.send([args])
        return self.wire.read()

    def verify(self, c):
        left = max(self.short.values(), default=0) - time.time()
        if left > 0:
            time.sleep(left + 0.01)
        for k, v in self.kept.items():
            got = value(c.call(b"GET", k)), value(c.call(b"PTTL", k))
            check(got == (v, -1), f"{k.decode()} without a deadline is {got} after the restart")
        for k, (v, low, high) in self.timed.items():
            got, at = value(c.call(b"GET", k)), value(c.call(b"PEXPIRETIME", k))
            check(got == v and low - 2 <= at <= high + 2, f"{k.decode()} is {got} with deadline {at}, not {v} between {low} and {high}")
        for k in self.short:
            check(value(c.call(b"EXISTS", k)) == 0, f"{k.decode()} has come back: {c.call(b'TYPE', k)}, PTTL {c.call(b'PTTL', k)}")


class Reader(Worker):
    """Reads what others write; what it saw must not be newer than what is there afterwards. Large values in between keep
    the socket's buffer full, so that replies go out by the slow way too."""

    def __init__(self, port, seed, name, watched):
        super().__init__(port, seed, name)
        self.watched, self.seen, self.large = watched, {k: 0 for k in watched}, name.endswith("1")

    def turn(self):
        requests = [(b"GET", k) for k in self.watched]
        if self.large:
            requests = [(b"GET", b"large")] * self.random.randint(1, 4) + [(b"INCR", self.key(b"own"))] + requests
            self.sent += 1
        self.wire.send(requests)
        for request in requests:
            got = self.wire.read()
            if request[0] == b"INCR":
                self.acked = got[1]
            elif request[1] in self.seen and got[1] is not None:
                self.seen[request[1]] = max(self.seen[request[1]], int(got[1]))

    def verify(self, c):
        for k, seen in self.seen.items():
            there = int(value(c.call(b"GET", k)) or 0)
            check(there >= seen, f"{k.decode()} was read as {seen} and is {there} after the restart")
        there = int(value(c.call(b"GET", self.key(b"own"))) or 0)
        check(self.acked <= there <= self.sent, f"reader: {self.acked} acknowledged, {there} there, {self.sent} sent")


def verify_queue(c, workers):
    queue, moved = value(c.call(b"LRANGE", b"q", b"0", b"-1")), value(c.call(b"LRANGE", b"moved", b"0", b"-1"))
    check(len(set(queue + moved)) == len(queue + moved), "an element is twice in the queues")
    taken, in_flight, shown = set(), 0, set()
    for w in workers:
        if isinstance(w, Popper):
            (shown if w.moves else taken).update(w.got)
            in_flight += not w.moves and w.sent > w.acked
    check(not taken & set(queue + moved), f"popped elements came back: {sorted(taken & set(queue + moved))[:5]}")
    check(shown <= set(moved), f"moved elements are not where they were moved to: {sorted(shown - set(moved))[:5]}")
    pushed = {b"%b-%d" % (w.p, n) for w in workers if isinstance(w, Producer) for n in range(1, w.acked + 1)}
    lost = pushed - taken - set(queue + moved)
    check(len(lost) <= in_flight, f"{len(lost)} elements lost with {in_flight} pops in flight: {sorted(lost)[:5]}")


def round_of(node, o, number, rng):
    seed = f"{o.seed}/{number}"
    workers = [Pipelines(node.port, seed, f"w{i}") for i in range(2)] + [Pairs(node.port, seed, f"m{i}") for i in range(2)]
    workers += [Producer(node.port, seed, f"q{i}") for i in range(2)] + [Popper(node.port, seed, "b0", False), Popper(node.port, seed, "b1", True)]
    workers += [SetPopper(node.port, seed, "x0"), Expirer(node.port, seed, "e0")]
    workers += [Reader(node.port, seed, f"r{i}", [b"w0:n", b"w1:n", b"m0:n", b"m1:n"]) for i in range(2)]
    c = node.connect()
    check(c.call(b"FLUSHALL") == ("+", b"OK"), "FLUSHALL")
    c.call(b"SET", b"large", b"x" * 3_000_000)
    for w in workers:
        w.start()
    end = time.monotonic() + rng.choice([0.05, 0.3, 0.6, 1.0])
    while time.monotonic() < end:
        time.sleep(rng.random() * 0.1)
        if rng.random() < 0.3:
            c.call(rng.choice([b"BGREWRITEAOF", b"BGREWRITEAOF", b"BGSAVE"]))
    node.kill()
    for w in workers:
        w.join(30)
        check(not w.is_alive(), "a worker hangs")
        check(w.problem is None, w.problem)
    if rng.random() < 0.2:
        # Killed while it loads, too.
        node.launch()
        time.sleep(rng.random() * 0.2)
        node.kill()
    node.start()
    c = node.connect()
    for w in workers:
        w.verify(c)
    verify_queue(c, workers)
    return sum(w.acked for w in workers)


def round_of_seconds(node, o, number, rng):
    """`everysec`: at most two seconds are lost, and no transaction is half there."""
    seed = f"{o.seed}/{number}"
    workers = [Pipelines(node.port, seed, f"w{i}") for i in range(2)] + [Pairs(node.port, seed, f"m{i}") for i in range(2)]
    c = node.connect()
    check(c.call(b"FLUSHALL") == ("+", b"OK"), "FLUSHALL")
    for w in workers:
        w.start()
    end = time.monotonic() + rng.uniform(2.1, 3.0)
    while time.monotonic() < end:
        time.sleep(rng.random() * 0.3)
        if rng.random() < 0.3:
            c.call(rng.choice([b"BGREWRITEAOF", b"BGSAVE"]))
    killed = time.monotonic()
    node.kill()
    for w in workers:
        w.join(30)
        check(not w.is_alive(), "a worker hangs")
        check(w.problem is None, w.problem)
        w.forgive(killed - 2)
    node.start()
    c = node.connect()
    for w in workers:
        w.verify(c)
    return sum(w.acked for w in workers)


def run(o):
    rng = random.Random(o.seed)
    print(f"kills: {o.kills} kills, appendfsync {o.policy}, seed {o.seed}", flush=True)
    acked = 0
    log = {"appendonly": "yes", "appendfsync": o.policy, "auto-aof-rewrite-min-size": "1mb"}
    one_round = round_of if o.policy == "always" else round_of_seconds
    with Node(o.server, log) as node:
        node.start(aof_use_rdb_preamble=rng.choice(["yes", "no"]))
        for number in range(o.kills):
            try:
                acked += one_round(node, o, number, rng)
            except Failure as e:
                node.own = False
                raise Failure(f"kill {number + 1}, seed {o.seed}: {e}\nthe files are in {node.directory}") from None
    lost = "none" if o.policy == "always" else "none older than two seconds"
    return f"{o.kills} kills, {acked} acknowledged steps, {lost} lost"


if __name__ == "__main__":
    arguments = options(__doc__, kills=20, policy="always")
    sys.exit(main("kills", lambda: run(arguments)))

"""A web cache on redis-py: get-or-compute with a TTL, sessions, counters, pipelines, invalidation by pub/sub, locks.

usage: web_cache.py HOST PORT. Every step asserts what it read back; any failure ends the program with a traceback.
"""

import json
import sys
import threading
import time
import uuid

import redis


class Cache:
    """Pages by name, computed once by whoever holds the lock, kept for `ttl_s`, with a local copy that is dropped when
    another node announces a change."""

    def __init__(self, client, ttl_s=60):
        self.client, self.ttl_s = client, ttl_s
        self.local, self.computed = {}, 0
        self.changed = threading.Condition()
        self.heard = []
        self.subscriber = client.pubsub(ignore_subscribe_messages=True)
        self.ready = threading.Event()
        self.thread = None

    def listen(self):
        """Starts the thread that hears of invalidations; returns when the subscription is confirmed."""
        self.subscriber = self.client.pubsub()
        self.subscriber.subscribe("invalidate")
        self.subscriber.psubscribe("invalidate:*")

        def loop():
            confirmed = 0
            for message in self.subscriber.listen():
                if message["type"] in ("subscribe", "psubscribe"):
                    confirmed += 1
                    if confirmed == 2:
                        self.ready.set()
                elif message["type"] in ("message", "pmessage"):
                    if message["data"] == b"stop":
                        return
                    with self.changed:
                        self.local.pop(message["data"].decode(), None)
                        self.heard.append((message["type"], message["channel"], message["data"]))
                        self.changed.notify_all()

        self.thread = threading.Thread(target=loop, daemon=True)
        self.thread.start()
        assert self.ready.wait(10), "the subscription was not confirmed"

    def get_or_compute(self, page, compute):
        if page in self.local:
            return self.local[page]
        key = f"page:{page}"
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            body = self.client.get(key)
            if body is not None:
                self.local[page] = body
                return body
            token = uuid.uuid4().hex
            if self.client.set(f"lock:{page}", token, nx=True, px=30_000):
                try:
                    # Between our miss and our lock another may have stored the page and unlocked.
                    body = self.client.get(key)
                    if body is None:
                        body = compute()
                        self.computed += 1
                        assert self.client.set(key, body, ex=self.ttl_s) is True
                        self.client.pipeline().rpush(f"computed:{page}", "a", "b", "c").expire(f"computed:{page}", 60).execute()
                finally:
                    assert release(self.client, f"lock:{page}", token), "somebody else freed our lock"
                self.local[page] = body
                return body
            # Somebody computes it: wait for the announcement, at most a little.
            self.client.blpop(f"computed:{page}", timeout=0.05)
        raise AssertionError("the page was never computed")


def release(client, name, token):
    """Deletes the lock only if it is still ours, by WATCH."""
    with client.pipeline() as pipe:
        while True:
            try:
                pipe.watch(name)
                if pipe.get(name) != token.encode():
                    return False
                pipe.multi()
                pipe.delete(name)
                return pipe.execute() == [1]
            except redis.WatchError:
                continue


def check_cache(connect):
    nodes = [Cache(connect()) for _ in range(4)]
    for n in nodes:
        n.listen()
    results = []

    def visit(node):
        for i in range(25):
            results.append(node.get_or_compute(f"p{i}", lambda i=i: f"<h1>{i}</h1>".encode()))

    threads = [threading.Thread(target=visit, args=(n,)) for n in nodes]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert len(results) == 100, len(results)
    assert sum(n.computed for n in nodes) == 25, [n.computed for n in nodes]
    client = connect()
    assert 0 < client.ttl("page:p0") <= 60
    assert sorted(client.scan_iter(match="page:*", count=7)) == sorted(f"page:p{i}".encode() for i in range(25))
    # One node changes a page: all others must drop their copy and read the new one.
    client.set("page:p3", b"new", ex=60)
    assert client.publish("invalidate", "p3") == 4
    assert client.publish("invalidate:section", "p4") == 4
    for n in nodes:
        with n.changed:
            assert n.changed.wait_for(lambda: len(n.heard) == 2, 10), n.heard
        assert n.heard[0] == ("message", b"invalidate", b"p3") and n.heard[1] == ("pmessage", b"invalidate:section", b"p4"), n.heard
        assert n.get_or_compute("p3", lambda: b"wrong") == b"new"
    assert client.publish("invalidate", "stop") == 4
    for n in nodes:
        n.thread.join(10)
        n.subscriber.close()


def check_sessions(client):
    sid = f"session:{uuid.uuid4().hex}"
    assert client.hset(sid, mapping={"user": "7", "name": "Zoë", "visits": 0, "cart": json.dumps(["a", "b"])}) == 4
    assert client.expire(sid, 1800) is True
    for n in range(1, 11):
        assert client.hincrby(sid, "visits", 1) == n
    assert client.hincrbyfloat(sid, "total", 10.5) == 10.5 and client.hincrbyfloat(sid, "total", 0.25) == 10.75
    session = client.hgetall(sid)
    assert session == {b"user": b"7", b"name": "Zoë".encode(), b"visits": b"10", b"cart": b'["a", "b"]', b"total": b"10.75"}, session
    assert client.hmget(sid, "user", "missing") == [b"7", None]
    assert dict(client.hscan_iter(sid)) == session
    assert 1790 < client.ttl(sid) <= 1800 and client.persist(sid) and client.ttl(sid) == -1
    assert client.pexpire(sid, -1) is True and client.exists(sid) == 0


def check_counters(connect):
    client = connect()

    def hit():
        own = connect()
        for i in range(200):
            own.incr("hits")
            own.zincrby("top", 1, f"page{i % 5}")
            own.pfadd("visitors", f"v{i}")
            own.setbit("active", i, 1)

    threads = [threading.Thread(target=hit) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert client.get("hits") == b"800"
    assert client.zrevrange("top", 0, 1, withscores=True) in ([(b"page4", 160.0), (b"page3", 160.0)], [[b"page4", 160.0], [b"page3", 160.0]])
    assert client.bitcount("active") == 200
    assert 190 <= client.pfcount("visitors") <= 210
    # A rate limiter: a window of five.
    allowed = []
    for _ in range(8):
        n, _ = client.pipeline().incr("rate:ip").expire("rate:ip", 60, nx=True).execute()
        allowed.append(n <= 5)
    assert allowed == [True] * 5 + [False] * 3
    assert client.incrbyfloat("price", 0.1) == 0.1 and client.incrbyfloat("price", 0.2) == 0.3


def check_pipelines(client):
    with client.pipeline(transaction=False) as pipe:
        for i in range(5000):
            pipe.set(f"bulk:{i}", i)
        assert pipe.execute() == [True] * 5000
    assert client.mget([f"bulk:{i}" for i in range(5000)]) == [str(i).encode() for i in range(5000)]
    with client.pipeline(transaction=True) as pipe:
        pipe.lpush("bulk:1", "x")
        pipe.incr("bulk:2")
        replies = pipe.execute(raise_on_error=False)
    assert isinstance(replies[0], redis.ResponseError) and str(replies[0]).startswith("WRONGTYPE"), replies
    assert replies[1] == 3
    big = bytes(range(256)) * 40_000
    assert client.set("big", big) and client.get("big") == big and client.getrange("big", -3, -1) == big[-3:]

    def transfer(pipe):
        balance = int(pipe.get("a"))
        pipe.multi()
        pipe.set("a", balance - 1)
        pipe.incr("b")

    client.mset({"a": 400, "b": 0})
    threads = [threading.Thread(target=lambda: [client.transaction(transfer, "a") for _ in range(50)]) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert client.mget("a", "b") == [b"200", b"200"], client.mget("a", "b")
    assert client.unlink(*[f"bulk:{i}" for i in range(5000)]) == 5000


def check_locks(connect):
    client = connect()
    total = []

    def work():
        own = connect()
        for _ in range(20):
            with own.lock("the-lock", timeout=30, blocking_timeout=30, sleep=0.001):
                n = int(own.get("guarded") or 0)
                own.set("guarded", n + 1)
        total.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(90)
    assert len(total) == 4 and client.get("guarded") == b"80", (total, client.get("guarded"))
    first = client.lock("other", timeout=10)
    assert first.acquire(blocking=False) and not client.lock("other", timeout=10).acquire(blocking=False)
    assert first.extend(20) and 10 < client.ttl("other") <= 30
    first.release()
    assert client.exists("other") == 0


def main():
    host, port = sys.argv[1], int(sys.argv[2])
    for protocol in (2, 3):
        connect = lambda: redis.Redis(host=host, port=port, protocol=protocol, socket_timeout=30)
        client = connect()
        client.flushall()
        assert client.ping() and client.client_setname("web-cache") and client.client_getname() in (b"web-cache", "web-cache")
        for check, argument in ((check_cache, connect), (check_sessions, client), (check_counters, connect), (check_pipelines, client), (check_locks, connect)):
            check(argument)
            print(f"  RESP{protocol} {check.__name__[6:]}: ok", flush=True)


main()

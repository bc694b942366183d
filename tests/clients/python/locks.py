"""Lock libraries: redis-py's Lock, python-redis-lock and walrus: exclusion, waiting, expiry, renewal, foreign release.

usage: locks.py HOST PORT
"""

import logging
import threading
import time

import redis.exceptions
import redis.lock
import redis_lock
import walrus

import kit
from kit import connect, raises, together, wait_until

logging.disable(logging.CRITICAL)
client = connect()


def exclusive(name, lock):
    """Eight threads raise a counter without atomic commands, under the lock that `lock(client)` makes."""
    client.set(name, 0)

    def work():
        own = connect()
        for _ in range(15):
            with lock(own):
                own.set(name, int(own.get(name)) + 1)

    together(*[work] * 8)
    assert client.get(name) == b"120", client.get(name)


def redis_py_lock():
    exclusive("count:redis-py", lambda own: own.lock("lock:redis-py", timeout=30, blocking_timeout=30, sleep=0.001))
    lock = client.lock("one", timeout=10, thread_local=False)
    assert lock.acquire(blocking=False) and lock.owned() and lock.locked()
    other = connect().lock("one", timeout=10)
    assert not other.acquire(blocking=False) and not other.owned()
    assert not other.acquire(blocking_timeout=0.05)
    raises(redis.exceptions.LockError, other.release, "that's not owned")
    assert lock.extend(20) and 25 < client.ttl("one") <= 30
    assert lock.extend(15, replace_ttl=True) and 10 < client.ttl("one") <= 15
    assert lock.reacquire() and client.ttl("one") <= 10
    lock.release()
    assert client.exists("one") == 0
    brief = client.lock("brief", timeout=0.05)
    assert brief.acquire()
    wait_until("the lock expires", lambda: not client.exists("brief"))
    raises(redis.exceptions.LockNotOwnedError, brief.release)
    assert brief.acquire() is True
    client.set("brief", "another's")
    raises(redis.exceptions.LockNotOwnedError, lambda: brief.extend(1))
    raises(redis.exceptions.LockNotOwnedError, brief.release)
    assert client.get("brief") == b"another's"
    # Its scripts are loaded anew when the server forgot them.
    client.script_flush()
    with client.lock("after flush", timeout=5):
        assert client.exists("after flush")
    assert client.exists("after flush") == 0


def python_redis_lock():
    exclusive("count:redis-lock", lambda own: redis_lock.Lock(own, "shared", expire=30))
    assert client.get("lock:shared") is None
    lock = redis_lock.Lock(client, "one", expire=10, id="owner")
    assert lock.acquire(blocking=False) and client.get("lock:one") == b"owner"
    other = redis_lock.Lock(connect(), "one", expire=30)
    assert not other.acquire(blocking=False)
    raises(redis_lock.NotAcquired, other.release)
    # One who waits sleeps in BLPOP on the signal and is woken by the release.
    got = []
    waiter = threading.Thread(target=lambda: got.append(other.acquire(timeout=20)))
    waiter.start()
    wait_until("someone waits", lambda: any(c["cmd"] == "blpop" and "b" in c["flags"] for c in client.client_list()))
    released = time.monotonic()
    lock.release()
    waiter.join(20)
    assert got == [True] and time.monotonic() - released < 5
    other.extend(expire=100)
    assert 90 < client.ttl("lock:one") <= 100
    other.release()
    raises(redis_lock.NotAcquired, other.release)
    assert not redis_lock.Lock(client, "one", expire=10).locked()
    renewed = redis_lock.Lock(client, "renewed", expire=2, auto_renewal=True)
    with renewed:
        start = time.monotonic()
        # Longer than it would live without renewal; at no moment is it free.
        while time.monotonic() - start < 3:
            assert client.pttl("lock:renewed") > 0
    assert client.exists("lock:renewed") == 0
    redis_lock.Lock(client, "left", expire=100).acquire()
    redis_lock.reset_all(client)
    assert client.exists("lock:left") == 0


def walrus_lock_and_limit():
    database = walrus.Database(host=kit.HOST, port=kit.PORT)
    exclusive("count:walrus", lambda own: walrus.Database(host=kit.HOST, port=kit.PORT).lock("shared", ttl=30_000))
    lock = database.lock("one", ttl=1000)
    assert lock.acquire(block=False) is True
    other = database.lock("one", ttl=10_000)
    assert other.acquire(block=False) is False
    assert other.release() is False
    assert wait_until("the lock expires", lambda: other.acquire(block=False)) is True
    assert other.release() is True
    limit = database.rate_limit("limit", limit=5, per=60)
    assert [limit.limit("user") for _ in range(7)] == [False] * 5 + [True] * 2
    cache = database.cache()
    made = []

    @cache.cached(timeout=60)
    def square(n):
        made.append(n)
        return n * n

    assert [square(3), square(3), square(4)] == [9, 9, 16] and made == [3, 4]
    cache.flush()
    assert square(3) == 9 and made == [3, 4, 3]
    complete = database.autocomplete()
    complete.store("p1", "redis database", {"id": 1})
    complete.store("p2", "relational database", {"id": 2})
    assert sorted(d["id"] for d in complete.search("datab")) == [1, 2] and [d["id"] for d in complete.search("redi")] == [1]
    graph = database.graph("people")
    graph.store_many([("ann", "knows", "ben"), ("ben", "knows", "cid"), ("ann", "likes", "cid")])
    assert sorted(row["o"] for row in graph.query("ann")) == ["ben", "cid"]


kit.main(redis_py_lock, python_redis_lock, walrus_lock_and_limit)

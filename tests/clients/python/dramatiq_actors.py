"""Dramatiq: actors with the server as broker and result backend: retries, delays, groups, pipelines, rate limiters,
barriers, dead letters, and messages of a worker that died.

usage: dramatiq_actors.py HOST PORT
"""

import logging
import threading
import time

import dramatiq
from dramatiq import Worker, group, pipeline
from dramatiq.brokers.redis import RedisBroker
from dramatiq.rate_limits import Barrier, BucketRateLimiter, ConcurrentRateLimiter, RateLimitExceeded, WindowRateLimiter
from dramatiq.rate_limits.backends import RedisBackend as LimitBackend
from dramatiq.results import ResultMissing, Results, ResultTimeout
from dramatiq.results.backends import RedisBackend as ResultBackend

import kit
from kit import raises, together, wait_until

logging.disable(logging.CRITICAL)
client = kit.connect()
broker = RedisBroker(url=kit.URL, namespace="work", heartbeat_timeout=1000, maintenance_chance=1_000_000)
broker.add_middleware(Results(backend=ResultBackend(url=kit.URL)))
dramatiq.set_broker(broker)
limits = LimitBackend(url=kit.URL)
ran = []


@dramatiq.actor(store_results=True)
def add(x, y):
    return x + y


@dramatiq.actor(store_results=True, min_backoff=20, max_backoff=40, max_retries=5)
def succeeds_at(name, attempt):
    n = client.incr(name)
    if n < attempt:
        raise RuntimeError(f"attempt {n}")
    return n


@dramatiq.actor(max_retries=1, min_backoff=10, max_backoff=10)
def never_succeeds():
    ran.append("never_succeeds")
    raise RuntimeError("no way")


@dramatiq.actor(store_results=True)
def moment():
    return time.time()


@dramatiq.actor(queue_name="ordered")
def ordered(n):
    ran.append(n)


def calls():
    messages = [add.send(i, i) for i in range(200)]
    assert [m.get_result(block=True, timeout=20_000) for m in messages] == [2 * i for i in range(200)]
    broker.join("default", timeout=20_000)
    assert client.exists("work:default") == 0 and client.exists("work:default.msgs") == 0
    raises(ResultMissing, lambda: add.message(1, 1).get_result())
    raises(ResultTimeout, lambda: add.message(1, 1).get_result(block=True, timeout=50))


def retries_and_dead_letters():
    assert succeeds_at.send("tries", 3).get_result(block=True, timeout=20_000) == 3
    never_succeeds.send()
    wait_until("the message is dead", lambda: client.zcard("work:default.XQ") == 1)
    assert ran.count("never_succeeds") == 2
    assert client.hlen("work:default.XQ.msgs") == 1


def delays():
    called = time.time()
    late, soon = moment.send_with_options(delay=900), moment.send_with_options(delay=300)
    soon_at, late_at = soon.get_result(block=True, timeout=20_000), late.get_result(block=True, timeout=20_000)
    assert soon_at - called >= 0.3 and late_at - called >= 0.9 and soon_at < late_at


def groups_and_pipelines():
    together_ = group([add.message(i, 1) for i in range(20)]).run()
    assert list(together_.get_results(block=True, timeout=20_000)) == [i + 1 for i in range(20)] and together_.completed
    line = (add.message(1, 2) | add.message(10) | add.message(100)).run()
    assert line.get_result(block=True, timeout=20_000) == 113
    assert list(line.get_results()) == [3, 13, 113] and line.completed_count == 3
    nested = group([pipeline([add.message(i, 0), add.message(1)]) for i in range(5)]).run()
    assert list(nested.get_results(block=True, timeout=20_000)) == [i + 1 for i in range(5)]


def limiters_and_barriers():
    most, inside, guard = [0], [0], threading.Lock()
    mutex = ConcurrentRateLimiter(limits, "mutex", limit=3, ttl=30_000)

    def work():
        passed = 0
        while passed < 10:
            with mutex.acquire(raise_on_failure=False) as got:
                if got:
                    with guard:
                        inside[0] += 1
                        most[0] = max(most[0], inside[0])
                    client.ping()
                    with guard:
                        inside[0] -= 1
                    passed += 1

    together(*[work] * 6)
    assert 1 <= most[0] <= 3, most
    # Counted by the hour, cut at the full hour: do not stand astride one.
    wait_until("the hour is young enough", lambda: time.time() % 3600 < 3590, 15)
    for limiter in (BucketRateLimiter(limits, "bucket", limit=5, bucket=3_600_000), WindowRateLimiter(limits, "window", limit=5, window=60)):

        def passes():
            with limiter.acquire(raise_on_failure=False) as got:
                return got

        assert together(*[passes] * 8).count(True) == 5
        with_error = lambda: limiter.acquire().__enter__()
        raises(RateLimitExceeded, with_error)
    barrier = Barrier(limits, "barrier", ttl=30_000)
    assert barrier.create(parties=3)
    waiter_done = []
    waiter = threading.Thread(target=lambda: waiter_done.append(barrier.wait(timeout=20_000)))
    waiter.start()
    wait_until("the first party waits", lambda: any(c["cmd"] == "brpoplpush" and "b" in c["flags"] for c in client.client_list()))
    assert [barrier.wait(block=False) for _ in range(2)] == [False, True]
    waiter.join(20)
    assert waiter_done == [True], waiter_done


def dead_worker():
    """Messages another process had fetched come back when its heartbeat is old, each once, in a queue of their own."""
    for n in range(5):
        ordered.send(n)
    gone = RedisBroker(url=kit.URL, namespace="work", heartbeat_timeout=1000)
    consumer = gone.consume("ordered", prefetch=5, timeout=1000)
    taken = [next(consumer) for _ in range(5)]
    assert [m.args[0] for m in taken] == [0, 1, 2, 3, 4] and client.llen("work:ordered") == 0
    # Nothing more is heard of it.
    late = Worker(broker, queues={"ordered"}, worker_threads=1, worker_timeout=100)
    late.start()
    try:
        wait_until("all came back", lambda: sorted(n for n in ran if n != "never_succeeds") == [0, 1, 2, 3, 4])
        broker.join("ordered", timeout=20_000)
        assert client.exists("work:ordered.msgs") == 0
    finally:
        late.stop()


client.flushall()
worker = Worker(broker, queues={"default", "default.DQ"}, worker_threads=4, worker_timeout=100)
worker.start()
try:
    for check in (calls, retries_and_dead_letters, delays, groups_and_pipelines, limiters_and_barriers, dead_worker):
        check()
        print(f"  {check.__name__}: ok", flush=True)
finally:
    worker.stop()

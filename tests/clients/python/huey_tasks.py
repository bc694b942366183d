"""Huey: tasks on a consumer: results, schedules, retries, revocation, locks, expiry, pipelines, periodic tasks,
priorities by sorted set, blocking and polling storage.

usage: huey_tasks.py HOST PORT
"""

import datetime
import logging
import threading
import time

from huey import PriorityRedisExpireHuey, PriorityRedisHuey, RedisExpireHuey, RedisHuey
from huey.exceptions import ResultTimeout, TaskException

import kit
from kit import connect, raises, wait_until

logging.getLogger("huey").setLevel(logging.CRITICAL)
client = connect()


def consumer_of(kind, name, workers=3, **options):
    """A huey and a started consumer of it, threads in this process."""
    huey = kind(name, host=kit.HOST, port=kit.PORT, store_intermediate_errors=False, **options)
    consumer = huey.create_consumer(workers=workers, periodic=True, initial_delay=0.01, max_delay=0.1, scheduler_interval=1, check_worker_health=False)
    return huey, consumer


def whole(kind, name, **options):
    """All that every kind of storage must do."""
    huey, consumer = consumer_of(kind, name, **options)
    tries, ran = [], []

    @huey.task()
    def add(x, y):
        return x + y

    @huey.task(retries=3)
    def stubborn():
        tries.append(1)
        if len(tries) < 3:
            raise ValueError(f"attempt {len(tries)}")
        return len(tries)

    @huey.task()
    def fails():
        raise ValueError("no way")

    @huey.task()
    def note(value):
        ran.append((value, time.time()))

    @huey.task()
    @huey.lock_task(f"{name}-lock")
    def locked():
        return "got it"

    held, entered = threading.Event(), threading.Event()

    @huey.task()
    def holds():
        with huey.lock_task(f"{name}-lock"):
            entered.set()
            held.wait(20)

    called = time.time()
    early = note.schedule(("scheduled",), delay=1)
    at = note.schedule(("eta",), eta=datetime.datetime.now() + datetime.timedelta(seconds=1))
    revoked = note.schedule(("revoked",), delay=1)
    revoked.revoke()
    expired = note("expired", expires=datetime.datetime.now() - datetime.timedelta(seconds=1))
    assert huey.pending_count() == 4
    consumer.start()
    try:
        results = [add(i, i) for i in range(100)]
        assert [r.get(blocking=True, timeout=20) for r in results] == [2 * i for i in range(100)]
        assert stubborn().get(blocking=True, timeout=20) == 3 and len(tries) == 3
        failed = fails()
        raises(TaskException, lambda: failed.get(blocking=True, timeout=20), "no way")
        line = add.s(1, 2).then(add, 10).then(add, 100)
        assert huey.enqueue(line).get(blocking=True, timeout=20) == [3, 13, 113]
        assert add.map([(i, 1) for i in range(10)]).get(blocking=True, timeout=20) == [i + 1 for i in range(10)]
        holding = holds()
        assert entered.wait(20)
        raises(TaskException, lambda: locked().get(blocking=True, timeout=20), "TaskLockedException")
        held.set()
        wait_until("the lock is free", lambda: not huey.is_locked(f"{name}-lock"))
        assert locked().get(blocking=True, timeout=20) == "got it"
        wait_until("the scheduled tasks ran", lambda: {v for v, _ in ran} >= {"scheduled", "eta"})
        assert all(t - called >= 0.99 for _, t in ran), (called, ran)
        wait_until("nothing is left to do", lambda: huey.pending_count() == 0 and huey.scheduled_count() == 0)
        assert {v for v, _ in ran} == {"scheduled", "eta"}, ran
        never = add.schedule((1, 1), delay=3600)
        raises(ResultTimeout, lambda: never.get(blocking=True, timeout=0.05))
        huey.put("key", [1, 2])
        assert huey.get("key", peek=True) == [1, 2] and huey.get("key") == [1, 2]
        # Where results expire, reading one leaves it there.
        assert huey.get("key") == ([1, 2] if "expire_time" in options else None)
        assert huey.put_if_empty("once", 1) is True and huey.put_if_empty("once", 2) is False
    finally:
        consumer.stop(graceful=True)
    huey.flush()
    assert huey.scheduled_count() == 0 and huey.result_count() == 0
    return huey


def lists():
    whole(RedisHuey, "lists")


def polling_lists():
    whole(RedisHuey, "polling", blocking=False)


def expiring_results():
    huey = whole(RedisExpireHuey, "expiring", expire_time=50)

    @huey.task()
    def one():
        return 1

    result = one()
    huey.execute(huey.dequeue())
    (key,) = [k for k in client.keys("*expiring*") if result.id.encode() in k]
    assert 0 < client.ttl(key) <= 50 and result.get() == 1


def priorities():
    huey = whole(PriorityRedisHuey, "priorities")
    order = []

    @huey.task(name="ordered")
    def note(n):
        order.append(n)

    for n in (1, 9, 5, 9, 0, 5):
        note(n, priority=n)
    while huey.pending_count():
        huey.execute(huey.dequeue())
    assert order == [9, 9, 5, 5, 1, 0], order
    whole(PriorityRedisExpireHuey, "priorities-expiring", expire_time=50)


def notifications():
    """Waiting for a result asks the server once, when the storage announces results."""
    huey, consumer = consumer_of(RedisHuey, "notified", notify_result=True)
    go = threading.Event()

    @huey.task()
    def held():
        go.wait(20)
        return "done"

    consumer.start()
    try:
        result = held()
        got = []
        waiter = threading.Thread(target=lambda: got.append(result.get(blocking=True, timeout=20)))
        waiter.start()
        wait_until("someone waits in BLPOP or SUBSCRIBE", lambda: any(c["cmd"].startswith(("blpop", "brpop", "subscribe")) for c in client.client_list()))
        go.set()
        waiter.join(20)
        assert got == ["done"], got
    finally:
        consumer.stop(graceful=True)


kit.main(lists, polling_lists, expiring_results, priorities, notifications)

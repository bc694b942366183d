"""A Celery worker with the server as broker and result backend: calls, retries, countdown and eta, groups, chords,
chains, revocation, priorities, events, remote control, expiring results, and a worker that is killed.

usage: celery_worker.py HOST PORT
"""

import datetime
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

import kit
from kit import raises, wait_until

os.environ["CLIENT_URL"] = kit.URL

from celery import chain, chord, group, signature
from celery.exceptions import TaskRevokedError, TimeoutError as CeleryTimeout
from celery.result import AsyncResult, GroupResult

import celery_tasks as tasks
from celery_tasks import app, notes

results = kit.connect(db=1)
broker = kit.connect(db=0)


class Worker:
    """A worker process with two children, and its log."""

    def __init__(self, name, queues="celery"):
        self.name = f"{name}@client"
        self.log = tempfile.TemporaryFile("w+")
        command = [sys.executable, "-m", "celery", "-A", "celery_tasks", "worker", "-n", self.name, "-c", "2", "-Q", queues, "-l", "WARNING"]
        here = os.path.dirname(os.path.abspath(__file__))
        self.process = subprocess.Popen(command, cwd=here, stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True)

    def answers(self):
        assert self.process.poll() is None, f"the worker ended: {self.written()}"
        return app.control.ping([self.name], timeout=0.5) == [{self.name: {"ok": "pong"}}]

    def written(self):
        self.log.seek(0)
        return self.log.read()

    def stop(self):
        """A warm shutdown: running tasks end first."""
        if self.process.poll() is None:
            self.process.terminate()
            assert self.process.wait(20) == 0, self.written()

    def kill(self):
        """The whole process group at once, as when a machine goes."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(20)


def calls():
    pending = [tasks.add.delay(i, i) for i in range(50)]
    assert [r.get(timeout=20) for r in pending] == [2 * i for i in range(50)]
    one = tasks.add.delay(2, 3)
    assert one.get(timeout=20) == 5 and one.state == "SUCCESS" and one.name == "celery_tasks.add" and one.args == [2, 3]
    assert one.worker == first.name, one.worker
    failed = tasks.add.delay(1, "x")
    raises(TypeError, lambda: failed.get(timeout=20), "unsupported operand")
    assert failed.state == "FAILURE" and "Traceback" in failed.traceback
    assert broker.llen("celery") == 0
    wait_until("everything is acknowledged", lambda: broker.hlen("unacked") == 0 and broker.zcard("unacked_index") == 0)


def retries():
    assert tasks.succeeds_at.delay(3).get(timeout=20) == 3
    failed = tasks.never_succeeds.delay("tries")
    raises(ValueError, lambda: failed.get(timeout=20), "no way")
    assert notes.get("tries") == "3", notes.get("tries")


def countdown_and_eta():
    called = time.time()
    later = tasks.moment.apply_async(countdown=1.5)
    at = tasks.moment.apply_async(eta=datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1))
    # The worker holds what is not due yet, unacknowledged.
    wait_until("both are held", lambda: broker.zcard("unacked_index") == 2 and broker.hlen("unacked") == 2)
    raises(CeleryTimeout, lambda: later.get(timeout=0.1))
    assert at.get(timeout=20) - called >= 1 and later.get(timeout=20) - called >= 1.5
    expired = tasks.add.apply_async((1, 1), expires=-1)
    raises(TaskRevokedError, lambda: expired.get(timeout=20))


def groups_chords_chains():
    members = group(tasks.add.s(i, i) for i in range(30))()
    assert members.get(timeout=20) == [2 * i for i in range(30)]
    members.save()
    again = GroupResult.restore(members.id, app=app)
    assert again.completed_count() == 30 and again.successful()
    assert chord(tasks.add.s(i, i) for i in range(30))(tasks.total.s()).get(timeout=20) == 870
    assert chain(tasks.add.s(1, 2), tasks.add.s(10), tasks.add.s(100))().get(timeout=20) == 113
    # A chord within a chain whose members are chains.
    nested = chain(tasks.add.s(1, 1), group(chain(tasks.add.s(i), tasks.add.s(1)) for i in range(5)), tasks.total.s(), tasks.add.s(1000))
    assert nested().get(timeout=20) == 1000 + sum(2 + i + 1 for i in range(5))
    broken = chord([tasks.add.s(1, 1), tasks.add.s(1, "x")])(tasks.total.s())
    raises(Exception, lambda: broken.get(timeout=20), "unsupported operand")
    counter = kit.connect(db=1)
    wait_until("no chord leaves its counter behind", lambda: not list(counter.scan_iter(match="chord-unlock*")))
    linked = tasks.add.apply_async((1, 2), link=tasks.add.s(10).set(task_id="linked"), link_error=signature("celery_tasks.note"))
    assert linked.get(timeout=20) == 3 and AsyncResult("linked", app=app).get(timeout=20) == 13


def revocation():
    running = tasks.held.delay("revoked")
    assert notes.blpop(["revoked:running"], timeout=20)
    assert running.state == "STARTED"
    running.revoke(terminate=True, signal="SIGKILL")
    raises(TaskRevokedError, lambda: running.get(timeout=20))
    waiting = tasks.note.apply_async(("revoked", "ran"), countdown=1)
    waiting.revoke()
    raises(TaskRevokedError, lambda: waiting.get(timeout=20))
    assert notes.exists("revoked") == 0
    # One who waits is told through the pattern channel of the result, not by asking again and again.
    freed = tasks.held.delay("freed")
    assert notes.blpop(["freed:running"], timeout=20)
    got = []
    waiter = threading.Thread(target=lambda: got.append(freed.get(timeout=20)))
    waiter.start()
    channel = f"celery-task-meta-{freed.id}".encode()
    wait_until("someone waits on the channel", lambda: channel in results.pubsub_channels("celery-task-meta-*"))
    notes.rpush("freed:go", "let go")
    waiter.join(20)
    assert got == ["let go"], got


def priorities():
    for priority in (9, 6, 3, 0):
        for n in range(5):
            tasks.note.apply_async(("order", priority), queue="ordered", priority=priority)
    lists = sorted(broker.scan_iter(match="ordered*", _type="list"))
    assert lists == [b"ordered", b"ordered\x06\x163", b"ordered\x06\x166", b"ordered\x06\x169"], lists
    assert app.control.add_consumer("ordered", destination=[first.name], reply=True, timeout=5) == [{first.name: {"ok": "add consumer ordered"}}]
    wait_until("all have run", lambda: notes.llen("order") == 20)
    order = [int(p) for p in notes.lrange("order", 0, -1)]
    # Two children run side by side, so neighbours may change places; the first may be fetched before the rest are there.
    assert sorted(order) == sorted([0, 3, 6, 9] * 5)
    assert sum(order[:5]) <= 6 and sum(order[-5:]) >= 39, order


def events_and_control():
    seen, ready, done = [], threading.Event(), threading.Event()
    wanted = {}

    def watch():
        with app.connection() as connection:
            receiver = app.events.Receiver(connection, handlers={"*": take})
            for _ in receiver.consume(limit=None, timeout=20, wakeup=True):
                if done.is_set():
                    return

    def take(event):
        ready.set()
        if event.get("uuid") == wanted.get("id"):
            seen.append(event["type"])
        if event["type"] == "task-succeeded" and event.get("uuid") == wanted.get("id"):
            done.set()
            receiver_stop()

    def receiver_stop():
        raise StopIteration

    def consume():
        try:
            watch()
        except (StopIteration, RuntimeError):
            pass

    thread = threading.Thread(target=consume, daemon=True)
    thread.start()
    assert ready.wait(20), "no heartbeat of the worker was seen"
    wanted["id"] = "watched"
    tasks.add.apply_async((1, 1), task_id="watched")
    assert done.wait(20), seen
    assert "task-received" in seen and "task-started" in seen and seen[-1] == "task-succeeded", seen
    inspect = app.control.inspect([first.name], timeout=5)
    assert "celery_tasks.add" in inspect.registered()[first.name]
    assert {q["name"] for q in inspect.active_queues()[first.name]} == {"celery", "ordered"}
    assert inspect.stats()[first.name]["pool"]["max-concurrency"] == 2


def results_expire():
    kept = tasks.add.delay(4, 4)
    assert kept.get(timeout=20) == 8
    key = f"celery-task-meta-{kept.id}"
    assert 0 < results.pttl(key) <= 6000, results.pttl(key)
    wait_until("the result has expired", lambda: not results.exists(key))
    assert AsyncResult(kept.id, app=app).state == "PENDING"
    forgotten = tasks.add.delay(5, 5)
    assert forgotten.get(timeout=20) == 10
    forgotten.forget()
    assert results.exists(f"celery-task-meta-{forgotten.id}") == 0


def killed_worker():
    second, third = Worker("second", "late"), None
    try:
        wait_until("the second worker answers", second.answers)
        job = tasks.held.apply_async(("late",), queue="late")
        assert notes.blpop(["late:running"], timeout=20)[1].startswith(second.name)
        second.kill()
        assert broker.hlen("unacked") == 1
        ((_, since),) = broker.zrange("unacked_index", 0, -1, withscores=True)
        wait_until("the job may be given to another", lambda: time.time() > since + 4)
        third = Worker("third", "late")
        who = notes.blpop(["late:running"], timeout=30)
        assert who and who[1].startswith(third.name), who
        notes.rpush("late:go", "done at last")
        assert job.get(timeout=20) == "done at last"
        wait_until("the job is acknowledged", lambda: broker.hlen("unacked") == 0)
        third.stop()
    finally:
        second.kill()
        if third:
            third.kill()


def warm_shutdown():
    """What is held for later goes back to the queue when the worker is asked to stop."""
    later = tasks.add.apply_async((1, 1), countdown=3600)
    wait_until("the worker holds it", lambda: broker.hlen("unacked") == 1)
    first.stop()
    assert broker.hlen("unacked") == 0 and broker.llen("celery") == 1
    assert app.control.purge() == 1 and broker.llen("celery") == 0 and later.state == "PENDING"


kit.connect().flushall()
first = Worker("first")
try:
    wait_until("the worker answers", first.answers, 40)
    kit.main(calls, retries, countdown_and_eta, groups_chords_chains, revocation, priorities, events_and_control, results_expire, killed_worker, warm_shutdown)
except BaseException:
    print(first.written()[-8000:], file=sys.stderr)
    raise
finally:
    first.kill()

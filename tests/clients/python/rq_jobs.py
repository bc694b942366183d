"""RQ: jobs on forked workers, failures and retries, dependencies, schedules, priorities of queues, results, stopping.

usage: rq_jobs.py HOST PORT
"""

import datetime
import logging
import multiprocessing
import os
import time

from rq import Queue, Retry, Worker
from rq.command import send_shutdown_command, send_stop_job_command
from rq.job import Job, JobStatus
from rq.registry import FailedJobRegistry, FinishedJobRegistry, ScheduledJobRegistry, StartedJobRegistry
from rq.results import Result

import kit
from kit import wait_until

client = kit.connect()
logging.disable(logging.CRITICAL)


def add(x, y):
    return x + y


def fail(words):
    raise ValueError(words)


def fails_until(name, attempt):
    own = kit.connect()
    n = own.incr(name)
    if n < attempt:
        raise ValueError(f"attempt {n}")
    return n


def note(name, value):
    return kit.connect().rpush(name, value)


def held(name):
    own = kit.connect()
    own.rpush(f"{name}:running", os.getpid())
    return own.blpop([f"{name}:go"], timeout=60)


def burst(*queues, scheduler=False):
    """One worker in this process, its jobs in forked children, until the queues are empty."""
    Worker([Queue(q, connection=client) for q in queues], connection=client).work(burst=True, with_scheduler=scheduler, logging_level="ERROR")


def serve(*queues):
    """A worker process of its own."""
    own = kit.connect()
    Worker([Queue(q, connection=own) for q in queues], connection=own, name="-".join(queues)).work(with_scheduler=True, logging_level="ERROR")


def calls():
    queue = Queue("calls", connection=client)
    jobs = queue.enqueue_many([Queue.prepare_data(add, (i, i)) for i in range(10)])
    assert len(queue) == 10 and queue.job_ids == [j.id for j in jobs]
    burst("calls")
    assert [j.return_value(refresh=True) for j in jobs] == [2 * i for i in range(10)]
    assert all(j.get_status() == JobStatus.FINISHED for j in jobs) and len(queue) == 0
    assert set(FinishedJobRegistry(queue=queue).get_job_ids()) == {j.id for j in jobs}
    assert 0 < client.ttl(Job.key_for(jobs[0].id)) <= 500
    result = jobs[3].latest_result()
    assert result.type == Result.Type.SUCCESSFUL and result.return_value == 6
    assert client.xlen(f"rq:results:{jobs[3].id}") == 1
    brief = queue.enqueue(add, 1, 2, result_ttl=0)
    burst("calls")
    assert not Job.exists(brief.id, connection=client)


def failures_and_retries():
    queue = Queue("failing", connection=client)
    failed = queue.enqueue(fail, "no way", retry=Retry(max=2))
    stubborn = queue.enqueue(fails_until, "attempts", 3, retry=Retry(max=3))
    burst("failing")
    assert failed.get_status() == JobStatus.FAILED and "no way" in failed.latest_result().exc_string
    failed.refresh()
    assert failed.retries_left == 0
    assert stubborn.return_value(refresh=True) == 3 and client.get("attempts") == b"3"
    registry = FailedJobRegistry(queue=queue)
    assert registry.get_job_ids() == [failed.id]
    registry.requeue(failed.id)
    assert queue.job_ids == [failed.id] and len(registry) == 0
    burst("failing")
    assert registry.get_job_ids() == [failed.id]


def dependencies_and_priorities():
    low, high = Queue("low", connection=client), Queue("high", connection=client)
    for n in range(3):
        low.enqueue(note, "order", f"low{n}")
    first = high.enqueue(note, "order", "high0")
    second = high.enqueue(note, "order", "after high0", depends_on=first)
    third = high.enqueue(note, "order", "after both", depends_on=[first, second])
    high.enqueue(note, "order", "front", at_front=True)
    assert second.get_status() == JobStatus.DEFERRED and set(third._dependency_ids) == {first.id, second.id}
    burst("high", "low")
    order = [v.decode() for v in client.lrange("order", 0, -1)]
    assert order == ["front", "high0", "after high0", "after both", "low0", "low1", "low2"], order
    broken = high.enqueue(fail, "x")
    waits = high.enqueue(note, "order", "never", depends_on=broken)
    burst("high")
    assert waits.get_status() == JobStatus.DEFERRED and client.llen("order") == 7
    cancelled = low.enqueue(note, "order", "never")
    cancelled.cancel()
    burst("low")
    assert cancelled.get_status() == JobStatus.CANCELED and client.llen("order") == 7


def worker_process():
    """Scheduled jobs, a job that is stopped while it runs, and a worker told to go, all through pub/sub and locks."""
    queue = Queue("served", connection=client)
    process = multiprocessing.get_context("fork").Process(target=serve, args=("served",))
    process.start()
    try:
        worker = wait_until("the worker has signed in", lambda: [w for w in Worker.all(connection=client) if w.name == "served"])[0]
        called = time.time()
        scheduled = queue.enqueue_in(datetime.timedelta(seconds=1), note, "scheduled", "ran")
        assert scheduled.get_status() == JobStatus.SCHEDULED and scheduled.id in ScheduledJobRegistry(queue=queue)
        wait_until("the scheduler holds its lock", lambda: client.exists("rq:scheduler-lock:served"))
        # rq counts in whole seconds: a job for the next second runs from that second's beginning.
        assert client.blpop(["scheduled"], timeout=20) and int(time.time()) >= int(called + 1)
        running = queue.enqueue(held, "stopped")
        assert client.blpop(["stopped:running"], timeout=20)
        assert running.get_status() == JobStatus.STARTED and running.id in StartedJobRegistry(queue=queue)
        wait_until("the worker hears commands", lambda: client.pubsub_numsub("rq:pubsub:served")[0][1] == 1)
        send_stop_job_command(client, running.id)
        wait_until("the job was stopped", lambda: running.get_status(refresh=True) == JobStatus.STOPPED)
        after = queue.enqueue(add, 20, 22)
        assert wait_until("the worker goes on", lambda: after.return_value(refresh=True)) == 42
        worker.refresh()
        assert worker.successful_job_count >= 2 and worker.failed_job_count == 1
        send_shutdown_command(client, "served")
        process.join(20)
        assert process.exitcode == 0, process.exitcode
        assert Worker.all(connection=client) == []
    finally:
        if process.is_alive():
            process.kill()


if __name__ == "__main__":
    # Jobs are named by their module, which the workers import.
    import rq_jobs

    kit.main(rq_jobs.calls, rq_jobs.failures_and_retries, rq_jobs.dependencies_and_priorities, rq_jobs.worker_process)

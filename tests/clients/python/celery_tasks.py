"""The tasks and settings of the Celery program: what `celery worker` imports beside `celery_worker.py`.

The address comes from the environment (CLIENT_URL): broker in database 0, results in 1, what the tasks note in 2.
"""

import os
import time

import redis
from celery import Celery

URL = os.environ["CLIENT_URL"]
app = Celery("programs", broker=f"{URL}/0", backend=f"{URL}/1")
app.conf.update(
    broker_connection_retry_on_startup=True,
    # A worker that dies without a word has its unacknowledged tasks given to others after this long.
    broker_transport_options={"visibility_timeout": 4, "queue_order_strategy": "priority", "priority_steps": [0, 3, 6, 9]},
    result_expires=6,
    result_extended=True,
    task_send_sent_event=True,
    task_track_started=True,
    worker_prefetch_multiplier=1,
    worker_send_task_events=True,
)
notes = redis.from_url(f"{URL}/2", decode_responses=True)


@app.task
def add(x, y):
    return x + y


@app.task
def total(numbers):
    return sum(numbers)


@app.task
def note(name, value):
    return notes.rpush(name, value)


@app.task
def moment():
    return time.time()


@app.task(bind=True, max_retries=5)
def succeeds_at(self, attempt):
    """Asks for another try until this is the attempt named."""
    if self.request.retries < attempt:
        raise self.retry(countdown=0.05)
    return self.request.retries


@app.task(autoretry_for=(ValueError,), max_retries=2, retry_backoff=False, default_retry_delay=0.05)
def never_succeeds(name):
    notes.incr(name)
    raise ValueError("no way")


@app.task(bind=True, acks_late=True, reject_on_worker_lost=True)
def held(self, name):
    """Says that it runs, and ends when it is let go."""
    notes.rpush(f"{name}:running", f"{self.request.hostname} {os.getpid()}")
    return notes.blpop([f"{name}:go"], timeout=60)[1]

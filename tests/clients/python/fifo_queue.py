"""A FIFO queue on redis-py: 3 producers, 4 consumers, every job done exactly once, by BRPOP and by BLMOVE.

usage: fifo_queue.py HOST PORT. Accounting is kept in the server and checked at the end against what was produced.
"""

import sys
import threading
from collections import Counter

import redis

PRODUCERS, CONSUMERS, JOBS = 3, 4, 400
STOP = b"stop"


def run(connect, consume):
    """Starts everybody, waits, returns [(consumer, job)] in the order each consumer saw its jobs."""
    done, errors, guard = [], [], threading.Lock()

    def produce(p):
        try:
            client = connect()
            for n in range(JOBS):
                assert client.lpush("queue", f"{p}:{n}") >= 0
        except Exception as e:
            errors.append(e)

    def worker(c):
        try:
            client = connect()
            while True:
                job = consume(client, c)
                if job == STOP:
                    return
                with guard:
                    done.append((c, job.decode()))
        except Exception as e:
            errors.append(e)

    consumers = [threading.Thread(target=worker, args=(c,)) for c in range(CONSUMERS)]
    producers = [threading.Thread(target=produce, args=(p,)) for p in range(PRODUCERS)]
    for t in consumers + producers:
        t.start()
    for t in producers:
        t.join(90)
    client = connect()
    for _ in range(CONSUMERS):
        client.lpush("queue", STOP)
    for t in consumers:
        t.join(90)
        assert not t.is_alive(), "a consumer hangs"
    assert not errors, errors
    return done


def account(done):
    """Each job once, and each consumer sees each producer's jobs in the order they were made."""
    counts = Counter(job for _, job in done)
    wanted = {f"{p}:{n}" for p in range(PRODUCERS) for n in range(JOBS)}
    assert set(counts) == wanted, (len(counts), len(wanted))
    assert set(counts.values()) == {1}, [j for j, n in counts.items() if n > 1][:10]
    for c in range(CONSUMERS):
        for p in range(PRODUCERS):
            seen = [int(job.split(":")[1]) for who, job in done if who == c and job.startswith(f"{p}:")]
            assert seen == sorted(seen), (c, p)


def brpop(client, _):
    reply = client.brpop(["urgent", "queue"], timeout=60)
    assert reply is not None, "BRPOP timed out although jobs were to come"
    return reply[1]


def blmove(client, c):
    """The reliable queue: the job rests in a list of its own until it is acknowledged."""
    job = client.blmove("queue", f"working:{c}", timeout=60, src="RIGHT", dest="LEFT")
    assert job is not None, "BLMOVE timed out although jobs were to come"
    with client.pipeline() as pipe:
        removed, _ = pipe.lrem(f"working:{c}", 1, job).incr(f"acknowledged:{c}").execute()
    assert removed == 1
    return job


def main():
    host, port = sys.argv[1], int(sys.argv[2])
    for protocol in (2, 3):
        connect = lambda: redis.Redis(host=host, port=port, protocol=protocol, socket_timeout=90)
        client = connect()
        for consume in (brpop, blmove):
            client.flushall()
            account(run(connect, consume))
            assert client.llen("queue") == 0
            print(f"  RESP{protocol} {consume.__name__}: {PRODUCERS * JOBS} jobs, each done once", flush=True)
        total = sum(int(client.get(f"acknowledged:{c}")) for c in range(CONSUMERS))
        assert total == PRODUCERS * JOBS + CONSUMERS, total
        assert all(client.exists(f"working:{c}") == 0 for c in range(CONSUMERS))


main()

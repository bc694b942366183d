"""What the client programs share: the address they were given, and waiting for a condition with a deadline."""

import sys
import threading
import time

import redis

HOST, PORT = sys.argv[1], int(sys.argv[2])
URL = f"redis://{HOST}:{PORT}"


def connect(**options):
    return redis.Redis(host=HOST, port=PORT, socket_timeout=60, **options)


def wait_until(what, condition, seconds=20):
    """Asks `condition` until it is true and returns what it gave; fails when the deadline passes first."""
    deadline = time.monotonic() + seconds
    pause = 0.002
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        # A poll, not a wait for a set time: the condition alone ends it.
        threading.Event().wait(pause)
        pause = min(pause * 1.5, 0.05)


def raises(kind, call, words=""):
    """Calls, and returns the exception of that kind that it must raise."""
    try:
        result = call()
    except kind as e:
        assert words in str(e), (words, str(e))
        return e
    raise AssertionError(f"no {kind.__name__}, but {result!r}")


def together(*calls, seconds=60):
    """Runs all calls at once on threads of their own and returns their results in order; raises the first error."""
    results, errors = [None] * len(calls), []

    def run(i, call):
        try:
            results[i] = call()
        except BaseException as e:
            errors.append(e)

    threads = [threading.Thread(target=run, args=(i, c), daemon=True) for i, c in enumerate(calls)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(seconds)
        assert not t.is_alive(), "a thread hangs"
    if errors:
        raise errors[0]
    return results


def main(*checks):
    """Empties the server and runs the checks in order."""
    connect().flushall()
    for check in checks:
        started = time.monotonic()
        check()
        print(f"  {check.__name__}: ok ({time.monotonic() - started:.1f} s)", flush=True)

"""The `limits` package with the server as storage: fixed, moving and sliding windows, several clients at once.

usage: rate_limits.py HOST PORT
"""

import time

from limits import parse, strategies
from limits.storage import storage_from_string

import kit
from kit import together, wait_until

client = kit.connect()


def storage():
    return storage_from_string(kit.URL)


def limited(strategy, name):
    """Six threads ask as fast as they can: exactly as many are let through as the limit says."""
    limit = parse("40/minute")
    start_of_window()

    def ask():
        limiter = strategy(storage())
        return sum(limiter.hit(limit, name) for _ in range(20))

    assert sum(together(*[ask] * 6)) == 40
    limiter = strategy(storage())
    assert not limiter.test(limit, name) and not limiter.hit(limit, name)
    stats = limiter.get_window_stats(limit, name)
    assert stats.remaining == 0 and time.time() < stats.reset_time <= time.time() + 61, stats
    assert limiter.hit(limit, f"{name} of another")
    limiter.clear(limit, name)
    assert limiter.hit(limit, name, cost=39) and limiter.hit(limit, name) and not limiter.hit(limit, name)
    brief = parse("2/second")
    assert [limiter.hit(brief, name) for _ in range(2)] == [True, True]
    refused = time.monotonic()
    wait_until("the window is over", lambda: limiter.hit(brief, name))
    assert time.monotonic() - refused < 5


def start_of_window():
    """Counted windows are cut at the full minute: do not stand astride one."""
    wait_until("the minute is young enough", lambda: time.time() % 60 < 50, 15)


def fixed_window():
    limited(strategies.FixedWindowRateLimiter, "fixed")


def moving_window():
    limited(strategies.MovingWindowRateLimiter, "moving")


def sliding_window_counter():
    limited(strategies.SlidingWindowCounterRateLimiter, "sliding")


def storage_itself():
    store = storage()
    assert store.check() is True
    assert [store.incr("counter", 60) for _ in range(3)] == [1, 2, 3] and store.get("counter") == 3
    assert store.get_expiry("counter") > time.time() + 50
    assert store.acquire_entry("entries", 2, 60) and store.acquire_entry("entries", 2, 60) and not store.acquire_entry("entries", 2, 60)
    client.script_flush()
    assert store.incr("counter", 60) == 4
    assert store.reset() >= 2
    assert store.get("counter") == 0


kit.main(fixed_window, moving_window, sliding_window_counter, storage_itself)

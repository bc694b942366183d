"""Session stores and caches of web frameworks: Flask-Session, and Django with django-redis for cache and sessions.

usage: sessions.py HOST PORT
"""


import django
import redis
from django.conf import settings
from flask import Flask, session
from flask_session import Session

import kit
from kit import connect, raises, together, wait_until

client = connect()
settings.configure(
    CACHES={
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": f"{kit.URL}/1",
            "KEY_PREFIX": "shop",
            "OPTIONS": {"COMPRESSOR": "django_redis.compressors.zlib.ZlibCompressor"},
        },
        "builtin": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": f"{kit.URL}/2"},
    },
    SESSION_ENGINE="django.contrib.sessions.backends.cache",
    SESSION_COOKIE_AGE=1800,
    SECRET_KEY="for this program only",
)
django.setup()

from django.contrib.sessions.backends.cache import SessionStore
from django.core.cache import caches
from django_redis import get_redis_connection

cache = caches["default"]


def flask_session():
    app = Flask("shop")
    app.config.update(SESSION_TYPE="redis", SESSION_REDIS=redis.from_url(kit.URL), PERMANENT_SESSION_LIFETIME=100)
    Session(app)

    @app.post("/add/<item>")
    def add(item):
        session["cart"] = session.get("cart", []) + [item]
        return {"cart": session["cart"]}

    @app.get("/cart")
    def cart():
        return {"cart": session.get("cart")}

    @app.post("/logout")
    def logout():
        session.clear()
        return {}

    ann, ben = app.test_client(), app.test_client()
    assert ann.post("/add/tea").json == {"cart": ["tea"]} and ann.post("/add/cup").json == {"cart": ["tea", "cup"]}
    assert ben.post("/add/pen").json == {"cart": ["pen"]}
    assert ann.get("/cart").json == {"cart": ["tea", "cup"]} and ben.get("/cart").json == {"cart": ["pen"]}
    keys = client.keys("session:*")
    assert len(keys) == 2 and all(90 < client.ttl(k) <= 100 for k in keys), keys
    ann.post("/logout")
    assert ann.get("/cart").json == {"cart": None} and len(client.keys("session:*")) == 1
    client.pexpire(client.keys("session:*")[0], 1)
    wait_until("the session has expired", lambda: not client.keys("session:*"))
    assert ben.get("/cart").json == {"cart": None}


def django_cache():
    assert cache.set("a", {"n": [1, 2.5, None, "ß"]}, timeout=60) is True
    assert cache.get("a") == {"n": [1, 2.5, None, "ß"]} and cache.get("missing", "default") == "default"
    assert 50 < cache.ttl("a") <= 60 and cache.persist("a") and cache.ttl("a") is None
    assert cache.expire("a", 10) and cache.pttl("a") <= 10_000
    assert cache.add("a", 1) is False and cache.add("new", 1) is True
    cache.set_many({f"k{i}": i for i in range(200)}, timeout=60)
    assert cache.get_many([f"k{i}" for i in range(0, 200, 50)]) == {"k0": 0, "k50": 50, "k100": 100, "k150": 150}
    assert cache.incr("k5", 10) == 15 and cache.decr("k5") == 14
    raises(ValueError, lambda: cache.incr("absent"))
    assert len(list(cache.iter_keys("k1*", itersize=10))) == 111
    assert cache.delete_pattern("k1*", itersize=10) == 111 and cache.get("k1") is None and cache.get("k2") == 2
    assert cache.get_or_set("made", lambda: "once", 60) == "once" and cache.get_or_set("made", lambda: "twice", 60) == "once"
    cache.set("page", "x" * 10_000)
    assert get_redis_connection("default").strlen(cache.make_key("page")) < 200 and cache.get("page") == "x" * 10_000
    assert cache.incr_version("page") == 2 and cache.get("page") is None and cache.get("page", version=2) == "x" * 10_000
    assert cache.touch("a", 100) and cache.ttl("a") > 90 and cache.has_key("a") and "a" in cache
    cache.set("brief", 1, timeout=0.05)
    wait_until("it has expired", lambda: cache.get("brief") is None)
    assert cache.sadd("set", 1, 2, 3) == 3 and cache.smembers("set") == {1, 2, 3}
    total = []

    def work():
        for _ in range(10):
            with cache.lock("lock", timeout=20, blocking_timeout=20, sleep=0.001):
                n = len(total)
                cache.get("a")
                assert len(total) == n
                total.append(n)

    together(*[work] * 4)
    assert total == list(range(40))
    cache.clear()
    assert get_redis_connection("default").dbsize() == 0


def django_builtin_cache():
    own = caches["builtin"]
    own.set_many({"a": 1, "b": "two"}, timeout=60)
    assert own.get_many(["a", "b", "c"]) == {"a": 1, "b": "two"} and own.incr("a") == 2
    own.set("gone", 1, timeout=0)
    assert own.get("gone") is None and own.delete("a") is True and own.delete("a") is False
    own.delete_many(["b"])
    assert connect(db=2).dbsize() == 0


def django_sessions():
    store = SessionStore()
    store["user"], store["cart"] = 7, ["a", "b"]
    store.save()
    key = store.session_key
    again = SessionStore(session_key=key)
    assert again["user"] == 7 and again["cart"] == ["a", "b"] and again.get_expiry_age() == 1800
    connection = get_redis_connection("default")
    (stored,) = connection.keys("shop:*django.contrib.sessions.cache*")
    assert 1790 < connection.ttl(stored) <= 1800
    again.cycle_key()
    assert again.session_key != key and not SessionStore().exists(key) and SessionStore(session_key=again.session_key)["user"] == 7
    again.set_expiry(5)
    again.save()
    (stored,) = connection.keys("shop:*django.contrib.sessions.cache*")
    assert connection.pttl(stored) <= 5000
    other = SessionStore(session_key=again.session_key)
    other["more"] = True
    again.flush()
    assert connection.dbsize() == 0
    # Logged out elsewhere while this request ran: the session is not made anew.
    raises(Exception, other.save)
    assert connection.dbsize() == 0


kit.main(flask_session, django_cache, django_builtin_cache, django_sessions)

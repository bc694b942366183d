"""redis-py under asyncio and with each of its parsers: the C one (hiredis) and the Python one, in both protocols.

usage: asyncio_client.py HOST PORT
"""

import asyncio
import time

import redis
import redis.asyncio
from redis._parsers import _AsyncHiredisParser, _AsyncRESP2Parser, _AsyncRESP3Parser, _HiredisParser, _RESP2Parser, _RESP3Parser
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff

import kit

PARSERS = [
    ("hiredis", 2, _HiredisParser, _AsyncHiredisParser),
    ("hiredis", 3, _HiredisParser, _AsyncHiredisParser),
    ("Python", 2, _RESP2Parser, _AsyncRESP2Parser),
    ("Python", 3, _RESP3Parser, _AsyncRESP3Parser),
]


async def until(what, condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.005)


def every_type_of_reply(protocol, parser):
    """One reply of each kind, and replies that arrive in many pieces."""
    client = redis.Redis(connection_pool=redis.ConnectionPool(host=kit.HOST, port=kit.PORT, protocol=protocol, parser_class=parser, socket_timeout=60))
    client.flushall()
    assert client.set("text", "x\r\n\0\xff") and client.get("text") == "x\r\n\0\xff".encode() and client.get("none") is None
    assert client.set("n", -5) and client.incr("n") == -4 and client.ping() is True
    assert client.rpush("list", *range(1000)) == 1000 and client.lrange("list", 0, -1) == [str(i).encode() for i in range(1000)]
    assert client.hset("hash", mapping={"a": 1, "b": ""}) == 2 and client.hgetall("hash") == {b"a": b"1", b"b": b""} and client.hgetall("none") == {}
    assert client.sadd("set", "x", "y") == 2 and client.smembers("set") == {b"x", b"y"}
    assert client.zadd("zset", {"a": 1.5, "b": float("inf")}) == 2 and client.zscore("zset", "b") == float("inf")
    scores = client.zrange("zset", 0, -1, withscores=True)
    assert [(m, s) for m, s in scores] == [(b"a", 1.5), (b"b", float("inf"))]
    try:
        client.lpush("text", "x")
        raise AssertionError("no WRONGTYPE")
    except redis.ResponseError as e:
        assert str(e) == "WRONGTYPE Operation against a key holding the wrong kind of value"
    big = bytes(range(256)) * 20_000
    client.set("big", big)
    assert client.get("big") == big
    with client.pipeline(transaction=True) as pipe:
        pipe.get("big").lrange("list", 0, 2).exists("none").hgetall("hash")
        assert pipe.execute() == [big, [b"0", b"1", b"2"], 0, {b"a": b"1", b"b": b""}]
    assert client.command_count() > 200 and client.client_info()["resp"] == str(protocol)
    assert client.memory_usage("big") > len(big) and "maxmemory" in client.config_get("max*")
    assert client.xadd("st", {"f": "v"}, id="1-1") == b"1-1"
    entries = client.xread({"st": "0"})
    assert (entries[b"st"][0] if isinstance(entries, dict) else entries[0][1]) in ([(b"1-1", {b"f": b"v"})], [[(b"1-1", {b"f": b"v"})]]), entries
    # Nested and odd replies by a script.
    assert client.eval("return {1, {2, {3, 'deep'}}, false, {}}", 0) == [1, [2, [3, b"deep"]], None, []]


async def concurrent(protocol, parser):
    """Two hundred tasks on one pool: counters, a queue with blocked consumers, a lock, pub/sub, a stream."""
    pool = redis.asyncio.BlockingConnectionPool(
        host=kit.HOST, port=kit.PORT, protocol=protocol, parser_class=parser, max_connections=60, timeout=30, socket_timeout=60
    )
    client = redis.asyncio.Redis(connection_pool=pool)
    await client.flushall()
    assert sorted(await asyncio.gather(*[client.incr("n") for _ in range(200)])) == list(range(1, 201))

    async def consume():
        done = []
        while (job := (await client.brpop(["urgent", "queue"], timeout=30))[1]) != b"stop":
            done.append(job)
        return done

    consumers = [asyncio.create_task(consume()) for _ in range(20)]

    async def blocked():
        return (await client.info("clients"))["blocked_clients"] == 20

    await until("all consumers wait", blocked)
    await asyncio.gather(*[client.lpush("queue", *[f"{p}:{n}" for n in range(20)]) for p in range(20)])
    await client.lpush("queue", *["stop"] * 20)
    done = [job for jobs in await asyncio.wait_for(asyncio.gather(*consumers), 60) for job in jobs]
    assert sorted(done) == sorted(f"{p}:{n}".encode() for p in range(20) for n in range(20))

    inside = []

    async def locked():
        async with client.lock("lock", timeout=30, blocking_timeout=30, sleep=0.002):
            inside.append(1)
            await client.ping()
            assert len(inside) == 1
            inside.pop()

    await asyncio.gather(*[locked() for _ in range(20)])

    async with client.pubsub() as listener:
        await listener.subscribe("one")
        await listener.psubscribe("t*")
        heard = []

        async def listen():
            async for message in listener.listen():
                if message["type"].endswith("subscribe"):
                    continue
                heard.append((message["type"], message["channel"], message["data"]))
                if len(heard) == 2:
                    return

        task = asyncio.create_task(listen())

        async def stands():
            return await client.pubsub_numpat() == 1 and (await client.pubsub_numsub("one"))[0][1] == 1

        await until("the subscriptions stand", stands)
        assert await client.publish("one", "1") == 1 and await client.publish("two", "2") == 1
        await asyncio.wait_for(task, 20)
        assert sorted(heard) == [("message", b"one", b"1"), ("pmessage", b"two", b"2")], heard

    async def read():
        entries, last = [], "0"
        while len(entries) < 100:
            reply = await client.xread({"stream": last}, block=30_000, count=10)
            (batches,) = reply.values() if isinstance(reply, dict) else [reply[0][1]]
            batch = batches[0] if isinstance(reply, dict) else batches
            entries += [fields[b"n"] for _, fields in batch]
            last = batch[-1][0]
        return entries

    readers = [asyncio.create_task(read()) for _ in range(5)]
    for n in range(100):
        await client.xadd("stream", {"n": n})
    for entries in await asyncio.wait_for(asyncio.gather(*readers), 60):
        assert entries == [str(n).encode() for n in range(100)]

    async def transfer(pipe):
        balance = int(await pipe.get("a"))
        pipe.multi()
        pipe.set("a", balance - 1).incr("b")

    await client.mset({"a": 50, "b": 0})
    await asyncio.gather(*[client.transaction(transfer, "a") for _ in range(50)])
    assert await client.mget("a", "b") == [b"0", b"50"]
    await client.aclose()
    await pool.disconnect()


async def reconnects():
    client = redis.asyncio.Redis(host=kit.HOST, port=kit.PORT, db=2, client_name="phoenix", retry=Retry(ConstantBackoff(0.01), 5), retry_on_error=[redis.ConnectionError])
    await client.set("where", "2")
    assert kit.connect().client_kill_filter(_type="normal", skipme=True) >= 1
    assert await client.get("where") == b"2" and await client.client_getname() in (b"phoenix", "phoenix")
    await client.aclose()


def main():
    for name, protocol, parser, async_parser in PARSERS:
        every_type_of_reply(protocol, parser)
        asyncio.run(concurrent(protocol, async_parser))
        print(f"  {name} parser, RESP{protocol}: ok", flush=True)
    asyncio.run(reconnects())
    print("  reconnects: ok", flush=True)


main()

// Rate limiters: rate-limiter-flexible over ioredis and node-redis, and express-rate-limit with rate-limit-redis over HTTP.
// usage: node rate_limiters.mjs HOST PORT
import assert from "node:assert/strict";
import express from "express";
import { rateLimit } from "express-rate-limit";
import Redis from "ioredis";
import { BurstyRateLimiter, RateLimiterQueue, RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import { RedisStore } from "rate-limit-redis";
import { createClient } from "redis";
import { atEnd, host, main, port, url, waitUntil } from "./kit.mjs";

const client = new Redis({ host, port });
atEnd(() => client.quit());
const nodeRedis = await createClient({ url }).on("error", (e) => { throw e; }).connect();
atEnd(() => nodeRedis.close());

// How many of `attempts` at once are let through.
async function passed(limiter, key, attempts, points = 1) {
  const results = await Promise.all(Array.from({ length: attempts }, () => limiter.consume(key, points).catch((e) => {
    if (!(e instanceof RateLimiterRes)) throw e;
    assert.ok(e.msBeforeNext > 0);
    return null;
  })));
  return results.filter(Boolean).length;
}

async function flexible() {
  for (const [storeClient, useRedisPackage, name] of [[client, false, "ioredis"], [nodeRedis, true, "node-redis"]]) {
    const limiter = new RateLimiterRedis({ storeClient, useRedisPackage, keyPrefix: name, points: 20, duration: 60 });
    assert.equal(await passed(limiter, "user", 50), 20);
    assert.equal(await passed(limiter, "other", 5, 5), 4);
    const now = await limiter.get("user");
    assert.ok(now.consumedPoints >= 50 && now.remainingPoints === 0 && now.msBeforeNext <= 60000, JSON.stringify(now));
    assert.equal((await limiter.penalty("third", 5)).consumedPoints, 5);
    assert.equal((await limiter.reward("third", 2)).consumedPoints, 3);
    assert.equal((await limiter.set("third", 19, 60)).consumedPoints, 19);
    assert.equal(await passed(limiter, "third", 3), 1);
    await limiter.block("blocked", 60);
    assert.equal(await passed(limiter, "blocked", 1), 0);
    assert.equal(await limiter.delete("blocked"), true);
    assert.equal(await passed(limiter, "blocked", 1), 1);
    assert.equal(await limiter.get("nobody"), null);
  }
}

async function windowsAndBursts() {
  const brief = new RateLimiterRedis({ storeClient: client, keyPrefix: "brief", points: 2, duration: 2 });
  assert.equal(await passed(brief, "k", 4), 2);
  const left = (await brief.get("k")).msBeforeNext;
  assert.ok(left > 0 && left <= 2000, String(left));
  await waitUntil("the window is over", async () => (await passed(brief, "k", 1)) === 1, 5);
  const punishing = new RateLimiterRedis({ storeClient: client, keyPrefix: "punish", points: 1, duration: 1, blockDuration: 60 });
  assert.equal(await passed(punishing, "k", 2), 1);
  assert.ok((await client.pttl("punish:k")) > 50000);
  const bursty = new BurstyRateLimiter(
    new RateLimiterRedis({ storeClient: client, keyPrefix: "steady", points: 2, duration: 60 }),
    new RateLimiterRedis({ storeClient: client, keyPrefix: "burst", points: 5, duration: 60 }),
  );
  let through = 0;
  for (let i = 0; i < 10; i++) through += await bursty.consume("k").then(() => 1, () => 0);
  assert.equal(through, 7);
  const queue = new RateLimiterQueue(new RateLimiterRedis({ storeClient: client, keyPrefix: "queue", points: 3, duration: 1 }), { maxQueueSize: 10 });
  const started = Date.now();
  await Promise.all(Array.from({ length: 7 }, () => queue.removeTokens(1, "k")));
  assert.ok(Date.now() - started >= 1000, "seven tokens at three a second came at once");
}

async function http() {
  const app = express();
  const made = (sendCommand, prefix, windowMs) => rateLimit({
    windowMs, limit: 5, standardHeaders: "draft-7", legacyHeaders: true, keyGenerator: (req) => req.get("user"),
    store: new RedisStore({ sendCommand, prefix }), message: { error: "slow down" },
  });
  app.use("/ioredis", made((...args) => client.call(...args), "http1:", 60000), (_, res) => res.json("served"));
  app.use("/noderedis", made((...args) => nodeRedis.sendCommand(args), "http2:", 60000), (_, res) => res.json("served"));
  app.use("/brief", made((...args) => client.call(...args), "http3:", 500), (_, res) => res.json("served"));
  const server = await new Promise((resolve) => { const s = app.listen(0, "127.0.0.1", () => resolve(s)); });
  atEnd(() => new Promise((resolve) => { server.closeAllConnections(); server.close(resolve); }));
  const get = async (path, user) => {
    const reply = await fetch(`http://127.0.0.1:${server.address().port}${path}`, { headers: { user } });
    return { status: reply.status, body: await reply.json(), headers: reply.headers };
  };
  for (const path of ["/ioredis", "/noderedis"]) {
    const replies = await Promise.all(Array.from({ length: 12 }, () => get(path, "ann")));
    assert.equal(replies.filter((r) => r.status === 200 && r.body === "served").length, 5);
    assert.equal(replies.filter((r) => r.status === 429 && r.body.error === "slow down").length, 7);
    const ben = await get(path, "ben");
    assert.equal(ben.status, 200);
    assert.equal(ben.headers.get("x-ratelimit-remaining"), "4");
    assert.match(ben.headers.get("ratelimit"), /limit=5, remaining=4, reset=\d+/);
    const late = await get(path, "ann");
    const after = Number(late.headers.get("retry-after"));
    assert.ok(after > 0 && after <= 60, String(after));
  }
  const ttl = await client.pttl("http1:ann");
  assert.ok(ttl > 0 && ttl <= 60000, String(ttl));
  await Promise.all(Array.from({ length: 6 }, () => get("/brief", "ann")));
  await waitUntil("the window is over", async () => (await get("/brief", "ann")).status === 200, 5);
  await client.script("FLUSH");
  assert.equal((await get("/ioredis", "after the flush")).status, 200);
}

await client.flushall();
await main(flexible, windowsAndBursts, http);

// A web cache on ioredis: get-or-compute with a TTL, sessions, counters, pipelines, invalidation by pub/sub, locks.
// usage: node web_cache.mjs HOST PORT. Any failed assertion ends the program with status 1.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import Redis from "ioredis";

const [host, port] = [process.argv[2], Number(process.argv[3])];
const open = [];
function connect() {
  const client = new Redis({ host, port, maxRetriesPerRequest: 1, connectTimeout: 10000 });
  client.on("error", (e) => { console.error(e); process.exit(1); });
  open.push(client);
  return client;
}

class Cache {
  constructor() {
    this.client = connect();
    this.subscriber = connect();
    this.local = new Map();
    this.computed = 0;
    this.heard = [];
  }
  async listen() {
    assert.equal(await this.subscriber.subscribe("invalidate"), 1);
    assert.equal(await this.subscriber.psubscribe("invalidate:*"), 2);
    this.dropped = new Promise((resolve) => {
      const note = (kind) => (...args) => {
        const page = args.at(-1);
        this.local.delete(page);
        this.heard.push([kind, ...args]);
        if (this.heard.length === 2) resolve();
      };
      this.subscriber.on("message", note("message"));
      this.subscriber.on("pmessage", note("pmessage"));
    });
  }
  async getOrCompute(page, compute) {
    if (this.local.has(page)) return this.local.get(page);
    for (let tries = 0; tries < 1000; tries++) {
      let body = await this.client.get(`page:${page}`);
      if (body === null) {
        const token = randomUUID();
        if ((await this.client.set(`lock:${page}`, token, "PX", 30000, "NX")) !== "OK") {
          await this.client.ping();
          continue;
        }
        body = await this.client.get(`page:${page}`);
        if (body === null) {
          body = await compute();
          this.computed++;
          assert.equal(await this.client.set(`page:${page}`, body, "EX", 60), "OK");
        }
        assert.equal(await this.client.getdel(`lock:${page}`), token);
      }
      this.local.set(page, body);
      return body;
    }
    assert.fail("the page was never computed");
  }
}

async function checkCache() {
  const nodes = [new Cache(), new Cache(), new Cache()];
  await Promise.all(nodes.map((n) => n.listen()));
  await Promise.all(nodes.map(async (n) => {
    for (let i = 0; i < 20; i++) assert.equal(await n.getOrCompute(`p${i}`, async () => `<h1>${i}</h1>`), `<h1>${i}</h1>`);
  }));
  assert.equal(nodes.reduce((sum, n) => sum + n.computed, 0), 20);
  const client = connect();
  const ttl = await client.ttl("page:p0");
  assert.ok(ttl > 0 && ttl <= 60, String(ttl));
  const found = [];
  for await (const keys of client.scanStream({ match: "page:*", count: 5 })) found.push(...keys);
  assert.deepEqual([...new Set(found)].sort(), Array.from({ length: 20 }, (_, i) => `page:p${i}`).sort());
  await client.set("page:p3", "new", "EX", 60);
  assert.equal(await client.publish("invalidate", "p3"), 3);
  assert.equal(await client.publish("invalidate:section", "p4"), 3);
  for (const n of nodes) {
    await n.dropped;
    assert.deepEqual(n.heard, [["message", "invalidate", "p3"], ["pmessage", "invalidate:*", "invalidate:section", "p4"]]);
    assert.equal(await n.getOrCompute("p3", async () => "wrong"), "new");
  }
}

async function checkSessions() {
  const client = connect();
  const id = `session:${randomUUID()}`;
  assert.equal(await client.hset(id, { user: 7, name: "Zoë", visits: 0 }), 3);
  assert.equal(await client.expire(id, 1800), 1);
  for (let n = 1; n <= 10; n++) assert.equal(await client.hincrby(id, "visits", 1), n);
  assert.deepEqual(await client.hgetall(id), { user: "7", name: "Zoë", visits: "10" });
  assert.deepEqual(await client.hmget(id, "user", "missing"), ["7", null]);
  assert.equal(await client.hdel(id, "user", "missing"), 1);
  assert.equal(await client.pexpire(id, -1), 1);
  assert.equal(await client.exists(id), 0);
}

async function checkCounters() {
  const clients = Array.from({ length: 4 }, connect);
  await Promise.all(clients.map(async (c) => {
    for (let i = 0; i < 100; i++) await Promise.all([c.incr("hits"), c.zincrby("top", 1, `page${i % 5}`), c.sadd("visitors", i)]);
  }));
  const client = clients[0];
  assert.equal(await client.get("hits"), "400");
  assert.deepEqual(await client.zrevrange("top", 0, 1, "WITHSCORES"), ["page4", "80", "page3", "80"]);
  assert.equal(await client.scard("visitors"), 100);
  assert.equal(await client.incrbyfloat("price", 0.1), "0.1");
  assert.equal(await client.incrbyfloat("price", 0.2), "0.3");
}

async function checkPipelines() {
  const client = connect();
  const pipe = client.pipeline();
  for (let i = 0; i < 3000; i++) pipe.set(`bulk:${i}`, i);
  assert.ok((await pipe.exec()).every(([e, r]) => e === null && r === "OK"));
  const [wrong, right] = await client.multi().lpush("bulk:1", "x").incr("bulk:2").exec();
  assert.match(wrong[0].message, /^WRONGTYPE/);
  assert.deepEqual(right, [null, 3]);
  const big = Buffer.alloc(5_000_000, "0123456789");
  assert.equal(await client.set("big", big), "OK");
  assert.ok(big.equals(await client.getBuffer("big")));
  await client.watch("guarded");
  await connect().set("guarded", "changed");
  assert.equal(await client.multi().set("guarded", "mine").exec(), null);
  assert.equal(await client.get("guarded"), "changed");
  const auto = new Redis({ host, port, enableAutoPipelining: true });
  open.push(auto);
  assert.deepEqual(await Promise.all(Array.from({ length: 50 }, (_, i) => auto.get(`bulk:${i + 10}`))), Array.from({ length: 50 }, (_, i) => String(i + 10)));
}

const checks = [checkCache, checkSessions, checkCounters, checkPipelines];
await connect().flushall();
for (const check of checks) {
  await check();
  console.log(`  ${check.name}: ok`);
}
for (const client of open) client.disconnect();

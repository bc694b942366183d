// node-redis (the `redis` package): RESP2 and RESP3, automatic pipelining, transactions, scripts,
// streams, blocking pools, pub/sub in all forms, scans, and client-side caching.
// usage: node node_redis.mjs HOST PORT
import assert from "node:assert/strict";
import { BasicClientSideCache, ErrorReply, WatchError, createClient, createClientPool, defineScript } from "redis";
import { atEnd, main, url, waitUntil, within } from "./kit.mjs";

const addIfBelow = defineScript({
  NUMBER_OF_KEYS: 1,
  SCRIPT: "local n = tonumber(redis.call('GET', KEYS[1]) or 0) if n >= tonumber(ARGV[1]) then return -1 end return redis.call('INCR', KEYS[1])",
  parseCommand(parser, key, limit) { parser.pushKey(key); parser.push(String(limit)); },
  transformReply: (n) => n,
});

async function connect(options = {}) {
  const client = createClient({ url, scripts: { addIfBelow }, ...options });
  client.on("error", (e) => { console.error(e); process.exit(1); });
  await client.connect();
  atEnd(async () => client.destroy());
  return client;
}

async function types(RESP) {
  const client = await connect({ RESP });
  await client.flushAll();
  assert.equal(await client.set("a", "1", { expiration: { type: "EX", value: 60 }, condition: "NX" }), "OK");
  assert.equal(await client.set("a", "2", { condition: "NX" }), null);
  assert.equal(await client.getEx("a", { type: "PERSIST" }), "1");
  assert.equal(await client.hSet("h", { f: "v", g: "w" }), 2);
  assert.deepEqual({ ...(await client.hGetAll("h")) }, { f: "v", g: "w" });
  assert.deepEqual(await client.hmGet("h", ["f", "none"]), ["v", null]);
  await client.zAdd("z", [{ score: 1.5, value: "a" }, { score: 1e300, value: "b" }, { score: -3, value: "c" }]);
  assert.deepEqual(await client.zRangeWithScores("z", 0, -1), [{ value: "c", score: -3 }, { value: "a", score: 1.5 }, { value: "b", score: 1e300 }]);
  assert.equal(await client.zScore("z", "a"), 1.5);
  assert.equal(await client.zIncrBy("z", 1, "a"), 2.5);
  assert.deepEqual(await client.zPopMin("z"), { value: "c", score: -3 });
  await client.sAdd("s", ["x", "y"]);
  assert.deepEqual([...(await client.sMembers("s"))].sort(), ["x", "y"]);
  assert.equal(await client.incrByFloat("f", 0.1), "0.1");
  await client.geoAdd("g", [{ member: "p", longitude: 13.361389, latitude: 38.115556 }, { member: "c", longitude: 15.087269, latitude: 37.502669 }]);
  assert.equal(await client.geoDist("g", "p", "c", "km"), 166.2742);
  assert.deepEqual(await client.lmPop("none", "LEFT"), null);
  const modules = await client.moduleList();
  assert.deepEqual(modules, []);
  await assert.rejects(client.lPush("a", "x"), (e) => e instanceof ErrorReply && /^WRONGTYPE/.test(e.message));
  const commands = await client.commandCount();
  assert.ok(commands > 200, String(commands));
  assert.ok((await client.info("server")).includes("redis_version:"));
  assert.equal((await client.configGet("maxmemory-policy"))["maxmemory-policy"], "noeviction");
}

async function pipelines(RESP) {
  const client = await connect({ RESP });
  const replies = await Promise.all(Array.from({ length: 5000 }, (_, i) => i % 2 ? client.incr("pipe") : client.set(`pipe:${i}`, "x".repeat(i))));
  assert.equal(replies.filter((r) => r === "OK").length, 2500);
  assert.deepEqual(replies.filter((r) => r !== "OK"), Array.from({ length: 2500 }, (_, i) => i + 1));
  assert.equal(await client.strLen("pipe:4998"), 4998);
}

async function transactions(RESP) {
  const [client, other] = [await connect({ RESP }), await connect({ RESP })];
  assert.deepEqual(await client.multi().set("t", "1").incr("t").get("t").exec(), ["OK", 2, "2"]);
  await client.watch("t");
  await other.incr("t");
  await assert.rejects(client.multi().set("t", "lost").exec(), WatchError);
  assert.equal(await client.get("t"), "3");
  const replies = await client.multi().lPush("t", "x").incr("t").execAsPipeline().catch((e) => e);
  assert.match(String(replies), /errors|WRONGTYPE|failed/i);
  assert.equal(await client.get("t"), "4");
}

async function scripts(RESP) {
  const client = await connect({ RESP });
  await client.del("below");
  assert.deepEqual(await Promise.all(Array.from({ length: 5 }, () => client.addIfBelow("below", 3))), [1, 2, 3, -1, -1]);
  await client.scriptFlush();
  assert.equal(await client.addIfBelow("below", 4), 4);
  assert.deepEqual(await client.multi().addIfBelow("below", 5).get("below").exec(), [5, "5"]);
  assert.deepEqual(await client.eval("return {KEYS[1], ARGV[1], 3.7}", { keys: ["k"], arguments: ["v"] }), ["k", "v", 3]);
}

async function streams(RESP) {
  const client = await connect({ RESP });
  await client.del("st");
  await client.xGroupCreate("st", "g", "$", { MKSTREAM: true });
  const ids = [];
  for (let i = 0; i < 10; i++) ids.push(await client.xAdd("st", "*", { n: String(i) }));
  const reply = await client.xReadGroup("g", "me", { key: "st", id: ">" }, { COUNT: 4 });
  // The client hands on RESP3's map as it came.
  const batch = RESP === 2 ? reply[0].messages.map((m) => [m.id, m.message.n]) : reply.st.map(([id, [, n]]) => [id, n]);
  assert.deepEqual(batch, ids.slice(0, 4).map((id, i) => [id, String(i)]));
  assert.equal(await client.xAck("st", "g", ids.slice(0, 2)), 2);
  assert.equal((await client.xPending("st", "g")).pending, 2);
  const claimed = await client.xAutoClaim("st", "g", "you", 0, "0");
  assert.deepEqual(claimed.messages.map((m) => m.id), ids.slice(2, 4));
  const [group] = await client.xInfoGroups("st");
  assert.equal(group.name, "g");
  assert.equal(group.lag, 6);
  assert.equal((await client.xRevRange("st", "+", "-", { COUNT: 1 }))[0].id, ids[9]);
}

async function blocking(RESP) {
  const client = await connect({ RESP });
  const pool = createClientPool({ url, RESP }, { minimum: 1, maximum: 8 });
  pool.on("error", (e) => { console.error(e); process.exit(1); });
  await pool.connect();
  atEnd(async () => pool.destroy());
  const waiting = Array.from({ length: 6 }, (_, i) => pool.blPop(["never", "jobs"], 20).then((r) => [i, r]));
  await waitUntil("six wait", async () => (await client.clientList()).filter((c) => c.cmd === "blpop" && c.flags.includes("b")).length === 6);
  await client.rPush("jobs", ["0", "1", "2", "3", "4", "5"]);
  const got = (await within("all are served", Promise.all(waiting))).map(([, r]) => r);
  assert.deepEqual(got.map((r) => r.key), Array(6).fill("jobs"));
  assert.deepEqual(got.map((r) => r.element).sort(), ["0", "1", "2", "3", "4", "5"]);
  assert.equal(await pool.blPop("jobs", 0.01), null);
}

async function channels(RESP) {
  const [client, subscriber] = [await connect({ RESP }), await connect({ RESP })];
  const heard = [];
  await subscriber.subscribe([`one${RESP}`, `two${RESP}`], (message, channel) => heard.push([channel, message]));
  await subscriber.pSubscribe(`t?o${RESP}`, (message, channel) => heard.push([`pattern ${channel}`, message]));
  await subscriber.sSubscribe(`shard${RESP}`, (message, channel) => heard.push([channel, message]));
  assert.equal(await client.publish(`one${RESP}`, "a"), 1);
  assert.equal(await client.publish(`two${RESP}`, "b"), 2);
  assert.equal(await client.sPublish(`shard${RESP}`, "c"), 1);
  await waitUntil("all four are heard", () => heard.length === 4);
  assert.deepEqual(heard, [[`one${RESP}`, "a"], [`two${RESP}`, "b"], [`pattern two${RESP}`, "b"], [`shard${RESP}`, "c"]]);
  await subscriber.unsubscribe(`one${RESP}`);
  assert.deepEqual({ ...(await client.pubSubNumSub([`one${RESP}`, `two${RESP}`])) }, { [`one${RESP}`]: 0, [`two${RESP}`]: 1 });
  // With RESP3 the same connection may go on with commands.
  if (RESP === 3) assert.equal(await subscriber.set("while subscribed", "1"), "OK");
}

async function scans(RESP) {
  const client = await connect({ RESP });
  await client.flushDb();
  await Promise.all(Array.from({ length: 1000 }, (_, i) => client.set(`scan:${i}`, "1")));
  const found = [];
  for await (const keys of client.scanIterator({ MATCH: "scan:*", COUNT: 50 })) found.push(...keys);
  assert.equal(found.length, 1000);
  assert.equal(new Set(found).size, 1000);
  await client.hSet("big", Object.fromEntries(Array.from({ length: 700 }, (_, i) => [`f${i}`, String(i)])));
  let fields = 0;
  for await (const entries of client.hScanIterator("big", { COUNT: 20 })) fields += entries.length;
  assert.equal(fields, 700);
}

async function clientSideCache() {
  const cache = new BasicClientSideCache({ ttl: 0, maxEntries: 0 });
  const [client, other] = [await connect({ RESP: 3, clientSideCache: cache }), await connect({ RESP: 3 })];
  await other.set("cached", "1");
  assert.equal(await client.get("cached"), "1");
  const hits = cache.stats().hitCount;
  assert.equal(await client.get("cached"), "1");
  assert.equal(cache.stats().hitCount, hits + 1);
  await other.set("cached", "2");
  await waitUntil("the copy is given up", async () => (await client.get("cached")) === "2");
  await other.hSet("hash", "f", "1");
  assert.equal(await client.hGet("hash", "f"), "1");
  await other.eval("return redis.call('HSET', KEYS[1], 'f', '2')", { keys: ["hash"] });
  await waitUntil("a script's change too", async () => (await client.hGet("hash", "f")) === "2");
  await other.flushAll();
  await waitUntil("and that of FLUSHALL", async () => (await client.get("cached")) === null);
}

// The same checks in both protocols.
const both = [2, 3].flatMap((RESP) => [types, pipelines, transactions, scripts, streams, blocking, channels, scans]
  .map((check) => Object.defineProperty(() => check(RESP), "name", { value: `RESP${RESP} ${check.name}` })));
await main(...both, clientSideCache);

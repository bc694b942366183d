// ioredis beyond plain commands: own commands as scripts, transactions with scripts, streams with consumer groups,
// blocking reads, pub/sub in both forms, MONITOR, reconnection, and key prefixes.
// usage: node ioredis_scripts.mjs HOST PORT
import assert from "node:assert/strict";
import Redis from "ioredis";
import { atEnd, host, main, port, waitUntil, within } from "./kit.mjs";

function connect(options = {}) {
  const client = new Redis({ host, port, ...options });
  client.on("error", (e) => { if (!options.mayFail) { console.error(e); process.exit(1); } });
  atEnd(async () => client.disconnect());
  return client;
}
const client = connect();

const moveIfHigher = `
  local now = tonumber(redis.call('GET', KEYS[1]) or '-inf')
  local wanted = tonumber(ARGV[1])
  if wanted == nil then return redis.error_reply('ERR not a number') end
  if wanted <= now then return {0, tostring(now)} end
  redis.call('SET', KEYS[1], ARGV[1])
  redis.call('PUBLISH', KEYS[2], ARGV[1])
  return {1, ARGV[1]}`;

async function ownCommands() {
  client.defineCommand("moveIfHigher", { numberOfKeys: 2, lua: moveIfHigher });
  client.defineCommand("echoAll", { lua: "return {KEYS, ARGV}" });
  client.defineCommand("readOnly", { numberOfKeys: 1, lua: "return redis.call('GET', KEYS[1])", readOnly: true });
  assert.deepEqual(await client.moveIfHigher("high", "news", 5), [1, "5"]);
  assert.deepEqual(await client.moveIfHigher("high", "news", 3), [0, "5"]);
  await assert.rejects(client.moveIfHigher("high", "news", "x"), /ERR not a number/);
  assert.deepEqual(await client.echoAll(2, "a", "b", "c"), [["a", "b"], ["c"]]);
  assert.equal(await client.readOnly("high"), "5");
  // The script is sent as its digest; when the server forgot it, the whole is sent again, in pipelines too.
  await client.script("FLUSH");
  assert.deepEqual(await client.moveIfHigher("high", "news", 6), [1, "6"]);
  await client.script("FLUSH");
  assert.deepEqual(await client.pipeline().moveIfHigher("high", "news", 7).exec(), [[null, [1, "7"]]]);
  assert.equal(await client.get("high"), "7");
  const binary = Buffer.from([0, 1, 255, 13, 10]);
  assert.deepEqual(await client.echoAllBuffer(1, binary, binary), [[binary], [binary]]);
  const inTransaction = await client.multi().moveIfHigher("high", "news", 8).incr("high").exec();
  assert.deepEqual(inTransaction, [[null, [1, "8"]], [null, 9]]);
  const many = await Promise.all(Array.from({ length: 500 }, (_, i) => client.moveIfHigher("many", "news", i)));
  assert.deepEqual(many, Array.from({ length: 500 }, (_, i) => [1, String(i)]));
}

async function plainScripts() {
  assert.deepEqual(await client.eval("return {1, 2.9, 'x', false, true, {ok='fine'}, {'a', nil, 'b'}}", 0), [1, 2, "x", null, 1, "fine", ["a"]]);
  const digest = await client.script("LOAD", "return #KEYS + #ARGV");
  assert.equal(await client.evalsha(digest, 2, "a", "b", "c"), 3);
  assert.deepEqual(await client.script("EXISTS", digest, "0".repeat(40)), [1, 0]);
  await assert.rejects(client.evalsha("0".repeat(40), 0), /^ReplyError: NOSCRIPT No matching script/);
  await client.set("text", "words");
  await assert.rejects(client.eval("return redis.call('INCR', KEYS[1])", 1, "text"), /ERR value is not an integer or out of range/);
  assert.equal(await client.eval("return redis.pcall('INCR', KEYS[1]).err ~= nil and 'caught' or 'missed'", 1, "text"), "caught");
  assert.equal(await client.eval("return cjson.encode({list = {1, 2}, text = ARGV[1]})", 0, "ß").then((t) => JSON.parse(t).text), "ß");
  assert.equal(await client.eval("return cmsgpack.unpack(cmsgpack.pack({n = 42})).n", 0), 42);
}

async function streamsWithGroups() {
  const sent = [];
  for (let i = 0; i < 200; i++) sent.push(await client.xadd("events", "MAXLEN", "~", 10000, "*", "n", i));
  assert.equal(await client.xgroup("CREATE", "events", "readers", "0"), "OK");
  const seen = [];
  await Promise.all(["a", "b", "c"].map(async (name) => {
    const own = connect();
    for (;;) {
      const reply = await own.xreadgroup("GROUP", "readers", name, "COUNT", 10, "BLOCK", 100, "STREAMS", "events", ">");
      if (!reply) return;
      const [[, entries]] = reply;
      seen.push(...entries.map(([id, [, n]]) => [id, Number(n)]));
      // The first reader never acknowledges.
      if (name !== "a") assert.equal(await own.xack("events", "readers", ...entries.map(([id]) => id)), entries.length);
    }
  }));
  seen.sort((x, y) => x[1] - y[1]);
  assert.deepEqual(seen, sent.map((id, n) => [id, n]));
  const [pending, , , consumers] = await client.xpending("events", "readers");
  assert.ok(pending > 0 && consumers[0][0] === "a" && Number(consumers[0][1]) === pending);
  let [cursor, taken] = ["0-0", 0];
  do {
    const [next, entries] = await client.xautoclaim("events", "readers", "d", 0, cursor, "COUNT", 7);
    [cursor, taken] = [next, taken + entries.length];
  } while (cursor !== "0-0");
  assert.equal(taken, pending);
  const waiting = connect().xread("BLOCK", 20000, "STREAMS", "events", "$");
  await waitUntil("someone waits in XREAD", async () => /cmd=xread /.test(await client.client("LIST")));
  const id = await client.xadd("events", "*", "last", "one");
  assert.deepEqual(await within("the reader is woken", waiting), [["events", [[id, ["last", "one"]]]]]);
}

async function channels() {
  const subscriber = connect();
  const heard = [];
  for (const kind of ["message", "pmessage", "smessage"]) subscriber.on(kind, (...args) => heard.push([kind, ...args]));
  await subscriber.subscribe("plain");
  await subscriber.psubscribe("pat*");
  await subscriber.ssubscribe("shard");
  assert.equal(await client.publish("plain", "1"), 1);
  assert.equal(await client.publish("pattern", "2"), 1);
  assert.equal(await client.spublish("shard", "3"), 1);
  await client.eval("redis.call('PUBLISH', 'plain', 'from a script')", 0);
  await waitUntil("all four are heard", () => heard.length === 4);
  assert.deepEqual(heard, [["message", "plain", "1"], ["pmessage", "pat*", "pattern", "2"], ["smessage", "shard", "3"], ["message", "plain", "from a script"]]);
  assert.deepEqual(await client.pubsub("NUMSUB", "plain", "none"), ["plain", 1, "none", 0]);
}

async function keyEvents() {
  const [, before] = await client.config("GET", "notify-keyspace-events");
  await client.config("SET", "notify-keyspace-events", "Ex");
  const subscriber = connect();
  const expired = new Promise((resolve) => subscriber.on("pmessage", (_, channel, key) => resolve([channel, key])));
  await subscriber.psubscribe("__keyevent@*__:expired");
  await client.set("brief", "x", "PX", 20);
  assert.deepEqual(await within("the expiry is told without being asked for the key", expired, 5), ["__keyevent@0__:expired", "brief"]);
  await client.config("SET", "notify-keyspace-events", before);
}

async function monitoring() {
  const monitor = await client.monitor();
  atEnd(async () => monitor.disconnect());
  const lines = [];
  monitor.on("monitor", (time, args, source, database) => lines.push([args, source, database]));
  await client.set("watched", "1");
  await client.eval("return redis.call('GET', KEYS[1])", 1, "watched");
  await waitUntil("the command and the one within the script are seen", () => lines.some(([args, source]) => source === "lua" && args[0].toUpperCase() === "GET"));
  assert.ok(lines.some(([args, , database]) => args.join(" ") === "set watched 1" && database === "0"));
}

async function reconnection() {
  const own = connect({ db: 3, mayFail: true, retryStrategy: () => 10, autoResendUnfulfilledCommands: true, connectionName: "phoenix" });
  const subscriber = connect({ mayFail: true, retryStrategy: () => 10 });
  await own.set("where", "database 3");
  await subscriber.subscribe("again");
  const blocked = own.blpop("queue", 0);
  await waitUntil("it waits in BLPOP", async () => /name=phoenix .*cmd=blpop /.test(await client.client("LIST")));
  const killed = Number(await client.client("KILL", "TYPE", "normal", "SKIPME", "yes"));
  assert.ok(killed >= 1);
  await client.client("KILL", "TYPE", "pubsub");
  // Connected anew, it selects its database, takes its name, subscribes and sends the unanswered command once more.
  await waitUntil("it waits again", async () => /name=phoenix .*cmd=blpop /.test(await client.client("LIST")));
  await client.select(3);
  assert.equal(await client.get("where"), "database 3");
  await client.rpush("queue", "job");
  assert.deepEqual(await within("BLPOP", blocked), ["queue", "job"]);
  await client.select(0);
  const heard = new Promise((resolve) => subscriber.on("message", (...args) => resolve(args)));
  await waitUntil("the subscription stands again", async () => (await client.pubsub("NUMSUB", "again"))[1] === 1);
  await client.publish("again", "back");
  assert.deepEqual(await within("the message", heard), ["again", "back"]);
}

async function prefixes() {
  const own = connect({ keyPrefix: "app:" });
  own.defineCommand("bump", { numberOfKeys: 1, lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])" });
  assert.equal(await own.bump("n", 5), 5);
  assert.equal(await client.get("app:n"), "5");
  await own.mset({ a: 1, b: 2 });
  assert.deepEqual(await client.mget("app:a", "app:b"), ["1", "2"]);
  assert.deepEqual(await own.sort("missing", "BY", "w:*", "GET", "v:*"), []);
  const stream = client.scanStream({ match: "app:*", count: 2 });
  const found = new Set();
  for await (const keys of stream) for (const k of keys) found.add(k);
  assert.deepEqual([...found].sort(), ["app:a", "app:b", "app:n"]);
}

await client.flushall();
await main(ownCommands, plainScripts, streamsWithGroups, channels, keyEvents, reconnection, prefixes, monitoring);

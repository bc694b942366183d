// The redlock library over ioredis: exclusion, waiting with retries, extension, expiry, several resources, foreign release.
// usage: node redlock.mjs HOST PORT
import assert from "node:assert/strict";
import Redis from "ioredis";
import Redlock from "redlock";
import { atEnd, host, main, port, waitUntil } from "./kit.mjs";

function connect() {
  const client = new Redis({ host, port });
  atEnd(() => client.quit());
  return client;
}
const client = connect();

async function exclusion() {
  await client.set("count", 0);
  await Promise.all(Array.from({ length: 6 }, async () => {
    const own = connect();
    const redlock = new Redlock([own], { retryCount: 5000, retryDelay: 2, retryJitter: 3 });
    for (let i = 0; i < 15; i++) {
      const lock = await redlock.lock("count-lock", 20000);
      const n = Number(await own.get("count"));
      await own.set("count", n + 1);
      await lock.unlock();
    }
  }));
  assert.equal(await client.get("count"), "90");
  assert.equal(await client.exists("count-lock"), 0);
}

async function refusalAndExtension() {
  const patient = new Redlock([client], { retryCount: 1000, retryDelay: 5 });
  const hasty = new Redlock([connect()], { retryCount: 0 });
  let lock = await patient.lock("one", 10000);
  const ttl = await client.pttl("one");
  assert.ok(ttl > 9000 && ttl <= 10000, String(ttl));
  await assert.rejects(hasty.lock("one", 1000), Redlock.LockError);
  lock = await lock.extend(30000);
  assert.ok((await client.pttl("one")) > 20000);
  let freed = false;
  const waiting = patient.lock("one", 1000).then((l) => { assert.ok(freed, "locked twice"); return l; });
  await assert.rejects(hasty.lock("one", 1000), Redlock.LockError);
  freed = true;
  await lock.unlock();
  await (await waiting).unlock();
  await assert.rejects(lock.unlock(), Redlock.LockError);
}

async function expiry() {
  const redlock = new Redlock([client], { retryCount: 0 });
  const brief = await redlock.lock("brief", 50);
  const next = await waitUntil("the lock expires", () => redlock.lock("brief", 10000).catch(() => null));
  await assert.rejects(brief.extend(1000), Redlock.LockError);
  assert.equal(await client.get("brief"), next.value);
  await assert.rejects(brief.unlock(), Redlock.LockError);
  assert.equal(await client.get("brief"), next.value);
  await next.unlock();
}

async function severalResources() {
  const redlock = new Redlock([client], { retryCount: 0 });
  const both = await redlock.lock(["a", "b"], 10000);
  await assert.rejects(redlock.lock(["b", "c"], 1000), Redlock.LockError);
  assert.equal(await client.exists("c"), 0);
  await both.unlock();
  assert.equal(await client.exists("a", "b"), 0);
  await client.script("FLUSH");
  await (await redlock.lock("a", 1000)).unlock();
}

await client.flushall();
await main(exclusion, refusalAndExtension, expiry, severalResources);

// Bull, the older queue: delayed, repeated and prioritised jobs, retries, pause and recovery of stalled jobs.
// usage: node bull_queue.mjs HOST PORT
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import Bull from "bull";
import Redis from "ioredis";
import { atEnd, host, main, port, waitUntil, within } from "./kit.mjs";

function open(name, settings = {}) {
  const queue = new Bull(name, { redis: { host, port }, settings });
  queue.on("error", (e) => { console.error(e); process.exit(1); });
  queue.setMaxListeners(0); // each wait for a job listens for the end of its queue
  atEnd(() => queue.close());
  return queue;
}

async function plain() {
  const queue = open("plain");
  const seen = [];
  queue.process("double", 4, async (job) => { seen.push(job.data.n); return job.data.n * 2; });
  queue.process("fails", async () => { throw new Error("as it should"); });
  const jobs = await queue.addBulk(Array.from({ length: 100 }, (_, n) => ({ name: "double", data: { n } })));
  assert.deepEqual(await Promise.all(jobs.map((j) => j.finished())), Array.from({ length: 100 }, (_, n) => n * 2));
  assert.equal(new Set(seen).size, 100);
  await assert.rejects((await queue.add("fails", {})).finished(), /as it should/);
  const tried = await queue.add("fails", {}, { attempts: 3, backoff: 20 });
  await assert.rejects(tried.finished(), /as it should/);
  assert.equal((await queue.getJob(tried.id)).attemptsMade, 3);
  assert.deepEqual(await queue.getJobCounts(), { waiting: 0, active: 0, completed: 100, failed: 2, delayed: 0, paused: 0 });
}

async function delayedAndPrioritised() {
  const queue = open("ordered");
  const ran = [];
  await queue.pause();
  for (const p of [5, 1, 3]) await queue.add({ name: `p${p}` }, { priority: p });
  await queue.add({ name: "front" }, { lifo: true });
  const added = Date.now();
  const late = await queue.add({ name: "late" }, { delay: 600 });
  const soon = await queue.add({ name: "soon" }, { delay: 200 });
  queue.process(async (job) => { ran.push([job.data.name, Date.now()]); });
  await queue.resume();
  await Promise.all([late.finished(), soon.finished()]);
  assert.deepEqual(ran.map(([name]) => name), ["front", "p1", "p3", "p5", "soon", "late"]);
  assert.ok(ran[4][1] - added >= 200 && ran[5][1] - added >= 600);
}

async function repeated() {
  const queue = open("repeated");
  let ran = 0;
  queue.process(async () => { ran++; });
  await queue.add({}, { repeat: { every: 200 } });
  await waitUntil("three have run", () => ran >= 3);
  const [repeat] = await queue.getRepeatableJobs();
  await queue.removeRepeatableByKey(repeat.key);
  assert.deepEqual(await queue.getRepeatableJobs(), []);
}

async function stalled() {
  const settings = { lockDuration: 600, stalledInterval: 300 };
  const queue = open("stalled", settings);
  const job = await queue.add({ n: 7 });
  const child = spawn(process.execPath, [process.argv[1], host, String(port), "stuck"], { stdio: ["ignore", "pipe", "inherit"] });
  await within("the child takes the job", new Promise((resolve) => child.stdout.once("data", resolve)));
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
  const said = new Promise((resolve) => queue.once("global:stalled", resolve));
  queue.process(async (j) => j.data.n * 10);
  assert.equal(await within("the job is done after all", job.finished()), 70);
  assert.equal(String(await within("it was called stalled", said)), String(job.id));
}

if (process.argv[4] === "stuck") {
  open("stalled", { lockDuration: 600, stalledInterval: 300 }).process(async () => {
    console.log("running");
    await new Promise((resolve) => setTimeout(resolve, 3_600_000));
  });
} else {
  const client = new Redis({ host, port });
  await client.flushall();
  client.disconnect();
  await main(plain, delayedAndPrioritised, repeated, stalled);
}

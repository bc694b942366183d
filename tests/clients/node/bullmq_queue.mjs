// BullMQ: plain, delayed, repeated, prioritised and flow jobs, several workers, retries with backoff, rate limits, pause,
// deduplication, and the recovery of jobs whose worker process was killed.
// usage: node bullmq_queue.mjs HOST PORT
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { FlowProducer, Queue, QueueEvents, Worker } from "bullmq";
import Redis from "ioredis";
import { atEnd, host, main, port, waitUntil, within } from "./kit.mjs";

const connection = { host, port, maxRetriesPerRequest: null };
const redis = new Redis({ host, port });
atEnd(() => redis.quit());

// The same file is the worker that will be killed: it takes a job, says so, and never ends it.
if (process.argv[4] === "stuck") {
  const worker = new Worker("stalled", async (job) => {
    console.log(`running ${job.id}`);
    await new Promise((resolve) => setTimeout(resolve, 3_600_000));
  }, { connection, concurrency: 3, lockDuration: 1000, stalledInterval: 300 });
  await worker.waitUntilReady();
} else {
  await redis.flushall();
  await main(plain, severalWorkers, delayed, repeated, prioritised, retries, flow, limited, paused, deduplicated, removed, stalled);
}

// A queue with its events, and workers for it.
async function open(name, process = null, options = {}, workers = 1) {
  const queue = new Queue(name, { connection });
  const events = new QueueEvents(name, { connection });
  queue.setMaxListeners(0); // each wait for a job listens for the end of its queue
  atEnd(() => queue.close());
  atEnd(() => events.close());
  await events.waitUntilReady();
  const started = [];
  for (let i = 0; process && i < workers; i++) {
    const worker = new Worker(name, (job, token) => process(job, i, token), { connection, ...options });
    worker.on("error", (e) => { console.error(e); globalThis.process.exit(1); });
    atEnd(() => worker.close());
    await worker.waitUntilReady();
    started.push(worker);
  }
  return { queue, events, workers: started };
}

async function plain() {
  const { queue, events } = await open("plain", async (job) => {
    if (job.name === "fails") throw new Error("as it should");
    await job.updateProgress(50);
    await job.log("half done");
    return { doubled: job.data.n * 2 };
  });
  const progress = new Promise((resolve) => events.once("progress", resolve));
  const job = await queue.add("double", { n: 21 });
  assert.deepEqual(await job.waitUntilFinished(events, 20000), { doubled: 42 });
  assert.equal((await within("progress", progress)).data, 50);
  assert.equal(await job.getState(), "completed");
  assert.deepEqual((await queue.getJobLogs(job.id)).logs, ["half done"]);
  const failing = await queue.add("fails", {});
  await assert.rejects(failing.waitUntilFinished(events, 20000), /as it should/);
  assert.equal(await failing.getState(), "failed");
  const counts = await queue.getJobCounts("wait", "active", "completed", "failed", "delayed");
  assert.deepEqual(counts, { wait: 0, active: 0, completed: 1, failed: 1, delayed: 0 });
  const again = await queue.getJob(failing.id);
  assert.match(again.stacktrace[0], /as it should/);
  assert.equal(again.attemptsMade, 1);
}

async function severalWorkers() {
  const done = [];
  const { queue, events } = await open("several", async (job, who) => { done.push([who, job.data.n]); return job.data.n; }, { concurrency: 2 }, 4);
  const jobs = await queue.addBulk(Array.from({ length: 300 }, (_, n) => ({ name: "job", data: { n } })));
  const results = await Promise.all(jobs.map((j) => j.waitUntilFinished(events, 30000)));
  assert.deepEqual(results, Array.from({ length: 300 }, (_, n) => n));
  assert.equal(done.length, 300);
  assert.equal(new Set(done.map(([, n]) => n)).size, 300);
  assert.ok(new Set(done.map(([who]) => who)).size > 1, "one worker took everything");
}

async function delayed() {
  const ran = [];
  const { queue, events } = await open("delayed", async (job) => { ran.push([job.name, Date.now()]); });
  const added = Date.now();
  const late = await queue.add("late", {}, { delay: 900 });
  const soon = await queue.add("soon", {}, { delay: 300 });
  const moved = await queue.add("moved", {}, { delay: 3_600_000 });
  const never = await queue.add("never", {}, { delay: 3_600_000 });
  assert.equal(await queue.getDelayedCount(), 4);
  assert.equal(await late.getState(), "delayed");
  await moved.changeDelay(600);
  await Promise.all([late, soon, moved].map((j) => j.waitUntilFinished(events, 20000)));
  assert.deepEqual(ran.map(([name]) => name), ["soon", "moved", "late"]);
  const after = Object.fromEntries(ran.map(([name, at]) => [name, at - added]));
  assert.ok(after.soon >= 300 && after.moved >= 600 && after.late >= 900, JSON.stringify(after));
  await never.promote();
  await never.waitUntilFinished(events, 20000);
}

async function repeated() {
  const ran = [];
  const { queue } = await open("repeated", async (job) => { ran.push([job.name, Date.now()]); });
  await queue.upsertJobScheduler("every", { every: 200 }, { name: "tick", data: { kind: "every" } });
  await queue.upsertJobScheduler("cron", { pattern: "* * * * * *" }, { name: "second" });
  assert.equal(await queue.getJobSchedulersCount(), 2);
  await waitUntil("four ticks and two seconds", () => ran.filter(([n]) => n === "tick").length >= 4 && ran.filter(([n]) => n === "second").length >= 2);
  const ticks = ran.filter(([n]) => n === "tick").map(([, at]) => at);
  assert.ok(ticks[3] - ticks[0] >= 400, String(ticks));
  assert.equal(await queue.removeJobScheduler("every"), true);
  assert.equal(await queue.removeJobScheduler("cron"), true);
  await waitUntil("nothing is planned any more", async () => (await queue.getDelayedCount()) === 0);
  assert.equal(await queue.getJobSchedulersCount(), 0);
}

async function prioritised() {
  const order = [];
  const { queue, events, workers: [worker] } = await open("prioritised", async (job) => { order.push(job.data.p); });
  await worker.pause();
  const jobs = [];
  for (const p of [5, 1, 3, 0, 5, 1, 2, 0]) jobs.push(await queue.add("job", { p }, p ? { priority: p } : {}));
  const first = await queue.add("job", { p: "first" }, { lifo: true });
  await jobs[4].changePriority({ priority: 1 });
  assert.deepEqual(await queue.getCountsPerPriority([0, 1, 2, 3, 5]), { 0: 3, 1: 3, 2: 1, 3: 1, 5: 1 });
  worker.resume();
  await Promise.all([...jobs, first].map((j) => j.waitUntilFinished(events, 20000)));
  assert.deepEqual(order, ["first", 0, 0, 1, 1, 5, 2, 3, 5]);
}

async function retries() {
  const at = [];
  const { queue, events } = await open("retries", async (job) => {
    at.push(Date.now());
    if (job.attemptsMade < 3) throw new Error(`attempt ${job.attemptsMade}`);
    return job.attemptsMade;
  });
  const job = await queue.add("job", {}, { attempts: 4, backoff: { type: "exponential", delay: 50 } });
  assert.equal(await job.waitUntilFinished(events, 20000), 3);
  assert.equal(at.length, 4);
  assert.ok(at[1] - at[0] >= 50 && at[2] - at[1] >= 100 && at[3] - at[2] >= 200, String(at));
  const spent = await queue.add("job", {}, { attempts: 2, backoff: 20 });
  await assert.rejects(spent.waitUntilFinished(events, 20000), /attempt 1/);
  const failed = await queue.getJob(spent.id);
  await failed.retry("failed", { resetAttemptsMade: false });
  await waitUntil("the retried job ran again", async () => (await failed.getState()) === "failed" && at.length === 7);
}

async function flow() {
  const { events } = await open("parents", async (job) => {
    const values = await job.getChildrenValues();
    return Object.values(values).reduce((sum, n) => sum + n, job.data.own);
  });
  await open("children", async (job) => {
    if (job.data.fails) throw new Error("a child failed");
    return job.data.n;
  }, { concurrency: 3 });
  const producer = new FlowProducer({ connection });
  atEnd(() => producer.close());
  const tree = await producer.add({
    name: "root", queueName: "parents", data: { own: 1000 }, children: [
      { name: "inner", queueName: "parents", data: { own: 100 }, children: [1, 2, 3].map((n) => ({ name: "leaf", queueName: "children", data: { n } })) },
      { name: "leaf", queueName: "children", data: { n: 20 }, opts: { delay: 200 } },
    ],
  });
  assert.equal(await tree.job.waitUntilFinished(events, 20000), 1126);
  const read = await producer.getFlow({ id: tree.job.id, queueName: "parents" });
  assert.equal(read.children.length, 2);
  const broken = await producer.add({
    name: "root", queueName: "parents", data: { own: 0 }, children: [
      { name: "leaf", queueName: "children", data: { fails: true }, opts: { failParentOnFailure: true } },
      { name: "leaf", queueName: "children", data: { n: 1 } },
    ],
  });
  await assert.rejects(broken.job.waitUntilFinished(events, 20000), /failed/);
}

async function limited() {
  const at = [];
  const { queue, events } = await open("limited", async () => { at.push(Date.now()); }, { limiter: { max: 5, duration: 400 } }, 2);
  const jobs = await queue.addBulk(Array.from({ length: 15 }, () => ({ name: "job", data: {} })));
  await Promise.all(jobs.map((j) => j.waitUntilFinished(events, 20000)));
  at.sort((a, b) => a - b);
  // In windows that start with their first job, five a window: the eleventh is in the third.
  assert.ok(at[10] - at[0] >= 700, String(at.map((t) => t - at[0])));
}

async function paused() {
  let ran = 0;
  const { queue, events } = await open("paused", async () => { ran++; });
  await queue.pause();
  assert.equal(await queue.isPaused(), true);
  const job = await queue.add("job", {});
  await assert.rejects(job.waitUntilFinished(events, 200), /timed out/);
  assert.equal(ran, 0);
  assert.equal(await queue.getWaitingCount(), 1);
  await queue.resume();
  await job.waitUntilFinished(events, 20000);
  assert.equal(ran, 1);
}

async function deduplicated() {
  const { queue, events } = await open("deduplicated", async (job) => job.data.n);
  await queue.pause();
  const first = await queue.add("job", { n: 1 }, { deduplication: { id: "same", ttl: 3_600_000 } });
  const second = await queue.add("job", { n: 2 }, { deduplication: { id: "same", ttl: 3_600_000 } });
  assert.equal(second.id, first.id);
  assert.equal(await queue.getDeduplicationJobId("same"), first.id);
  const named = await queue.add("job", { n: 3 }, { jobId: "named" });
  await queue.add("job", { n: 4 }, { jobId: "named" });
  await queue.resume();
  assert.equal(await first.waitUntilFinished(events, 20000), 1);
  assert.equal(await named.waitUntilFinished(events, 20000), 3);
  assert.equal(await queue.getCompletedCount(), 2);
}

async function removed() {
  const { queue, events } = await open("removed", async () => {});
  const jobs = [];
  for (let i = 0; i < 10; i++) jobs.push(await queue.add("job", {}, { removeOnComplete: { count: 3 } }));
  // The last may be removed before it could be asked for: count what was completed by the list that is kept.
  await waitUntil("all are done, three are kept", async () => {
    const { wait, active, completed } = await queue.getJobCounts("wait", "active", "completed");
    return wait === 0 && active === 0 && completed === 3;
  });
  assert.equal((await queue.clean(0, 100, "completed")).length, 3);
  await queue.addBulk(Array.from({ length: 50 }, () => ({ name: "job", data: {}, opts: { delay: 3_600_000 } })));
  assert.equal(await queue.getDelayedCount(), 50);
  await queue.drain(true);
  assert.equal(await queue.getDelayedCount(), 0);
  await events.close();
  await queue.obliterate({ force: true });
  assert.deepEqual(await redis.keys("bull:removed:*"), []);
}

async function stalled() {
  const { queue, events } = await open("stalled");
  const jobs = await queue.addBulk([1, 2, 3].map((n) => ({ name: "job", data: { n } })));
  const child = spawn(process.execPath, [process.argv[1], host, String(port), "stuck"], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.on("data", (text) => { said += text; });
  await waitUntil("the child has taken all three", () => (said.match(/running/g) ?? []).length === 3);
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await within("the child is gone", gone);
  assert.equal(await queue.getActiveCount(), 3);
  const stalls = [];
  events.on("stalled", ({ jobId }) => stalls.push(jobId));
  const worker = new Worker("stalled", async (job) => job.data.n * 10, { connection, lockDuration: 1000, stalledInterval: 300 });
  atEnd(() => worker.close());
  assert.deepEqual(await Promise.all(jobs.map((j) => j.waitUntilFinished(events, 20000))), [10, 20, 30]);
  await waitUntil("all three were called stalled", () => stalls.length === 3);
  assert.deepEqual(stalls.sort(), jobs.map((j) => j.id).sort());
  assert.equal((await queue.getJob(jobs[0].id)).stalledCounter, 1);
}

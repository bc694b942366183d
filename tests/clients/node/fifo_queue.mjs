// A FIFO queue on ioredis: 3 producers, 4 consumers, every job done exactly once, by BRPOP and by BLMOVE.
// usage: node fifo_queue.mjs HOST PORT
import assert from "node:assert/strict";
import Redis from "ioredis";

const [host, port] = [process.argv[2], Number(process.argv[3])];
const [PRODUCERS, CONSUMERS, JOBS] = [3, 4, 300];
const open = [];
function connect() {
  const client = new Redis({ host, port, maxRetriesPerRequest: 1 });
  client.on("error", (e) => { console.error(e); process.exit(1); });
  open.push(client);
  return client;
}

async function run(consume) {
  const done = [];
  const producing = Array.from({ length: PRODUCERS }, async (_, p) => {
    const client = connect();
    for (let n = 0; n < JOBS; n++) await client.lpush("queue", `${p}:${n}`);
  });
  const consuming = Array.from({ length: CONSUMERS }, async (_, c) => {
    const client = connect();
    for (;;) {
      const job = await consume(client, c);
      if (job === "stop") return;
      done.push([c, job]);
    }
  });
  await Promise.all(producing);
  const client = connect();
  for (let c = 0; c < CONSUMERS; c++) await client.lpush("queue", "stop");
  await Promise.all(consuming);
  return done;
}

function account(done) {
  const jobs = done.map(([, job]) => job);
  assert.equal(jobs.length, PRODUCERS * JOBS);
  assert.equal(new Set(jobs).size, PRODUCERS * JOBS);
  for (let c = 0; c < CONSUMERS; c++) {
    for (let p = 0; p < PRODUCERS; p++) {
      const seen = done.filter(([who, job]) => who === c && job.startsWith(`${p}:`)).map(([, job]) => Number(job.split(":")[1]));
      assert.deepEqual(seen, [...seen].sort((a, b) => a - b));
    }
  }
}

async function brpop(client) {
  const reply = await client.brpop("urgent", "queue", 60);
  assert.ok(reply, "BRPOP timed out although jobs were to come");
  return reply[1];
}

async function blmove(client, c) {
  const job = await client.blmove("queue", `working:${c}`, "RIGHT", "LEFT", 60);
  assert.ok(job, "BLMOVE timed out although jobs were to come");
  const [[, removed]] = await client.multi().lrem(`working:${c}`, 1, job).incr(`acknowledged:${c}`).exec();
  assert.equal(removed, 1);
  return job;
}

const client = connect();
for (const consume of [brpop, blmove]) {
  await client.flushall();
  account(await run(consume));
  assert.equal(await client.llen("queue"), 0);
  console.log(`  ${consume.name}: ${PRODUCERS * JOBS} jobs, each done once`);
}
const totals = await client.mget(Array.from({ length: CONSUMERS }, (_, c) => `acknowledged:${c}`));
assert.equal(totals.reduce((sum, n) => sum + Number(n), 0), PRODUCERS * JOBS + CONSUMERS);
for (const c of open) c.disconnect();

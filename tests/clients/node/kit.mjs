// What the client programs share: the address they were given, waiting with a deadline, and what to close at the end.
import assert from "node:assert/strict";

export const [host, port] = [process.argv[2], Number(process.argv[3])];
export const url = `redis://${host}:${port}`;

// Asks `condition` until it is true and returns what it gave; fails when the deadline passes first.
export async function waitUntil(what, condition, seconds = 20) {
  const deadline = Date.now() + seconds * 1000;
  for (let pause = 2; ; pause = Math.min(pause * 1.5, 50)) {
    const found = await condition();
    if (found) return found;
    assert.ok(Date.now() < deadline, `not within ${seconds} s: ${what}`);
    // A poll, not a wait for a set time: the condition alone ends it.
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

// The promise, or a failure when the deadline passes first.
export function within(what, promise, seconds = 20) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${seconds} s: ${what}`)), seconds * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const closers = [];
// What is to be closed when the program ends, last opened first.
export function atEnd(close) {
  closers.push(close);
}

// Runs the checks in order; any failure ends the program with status 1.
export async function main(...checks) {
  try {
    for (const check of checks) {
      const started = Date.now();
      await check();
      console.log(`  ${check.name}: ok (${((Date.now() - started) / 1000).toFixed(1)} s)`);
    }
    for (const close of closers.reverse()) await within("closing", close());
  } catch (e) {
    console.error(e);
    process.exit(1);
  }
  process.exit(0);
}

// Socket.IO on several servers that meet only through the server: the adapters on pub/sub, sharded pub/sub and streams.
// usage: node socket_io.mjs HOST PORT
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { createAdapter as createStreamsAdapter } from "@socket.io/redis-streams-adapter";
import Redis from "ioredis";
import { createClient } from "redis";
import { Server } from "socket.io";
import { io as connectSocket } from "socket.io-client";
import { atEnd, host, main, port, url, waitUntil, within } from "./kit.mjs";

function ioredis() {
  const client = new Redis({ host, port });
  client.on("error", (e) => { console.error(e); process.exit(1); });
  atEnd(() => client.quit());
  return client;
}
async function nodeRedis() {
  const client = await createClient({ url }).on("error", (e) => { console.error(e); process.exit(1); }).connect();
  atEnd(() => client.close());
  return client;
}

// Three servers, two browsers on each; every browser is in the room of its server and in "all", "even" or "odd".
async function whole(adapter) {
  const servers = [];
  const browsers = [];
  for (let s = 0; s < 3; s++) {
    const http = createServer();
    const io = new Server(http, { adapter: await adapter(), transports: ["websocket"] });
    io.on("connection", (socket) => {
      const { n } = socket.handshake.auth;
      socket.data.n = n;
      socket.join(["all", n % 2 ? "odd" : "even", `server${s}`]);
      socket.on("say", (text, answer) => { socket.broadcast.emit("said", n, text); answer("sent"); });
    });
    await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
    servers.push(io);
    for (let b = 0; b < 2; b++) {
      const n = s * 2 + b;
      const browser = connectSocket(`http://127.0.0.1:${http.address().port}`, { auth: { n }, transports: ["websocket"], forceNew: true, reconnection: false });
      await within("a browser connects", new Promise((resolve, reject) => browser.on("connect", resolve).on("connect_error", reject)));
      browser.heard = [];
      browser.onAny((name, ...args) => {
        if (name === "question") args.pop()(`answer ${n}`);
        else browser.heard.push([name, ...args]);
      });
      browsers.push(browser);
    }
  }
  await waitUntil("each server knows all six sockets", async () => {
    for (const io of servers) if ((await io.fetchSockets().catch(() => [])).length !== 6) return false;
    return true;
  });
  const heard = async (what, wanted) => {
    await waitUntil(what, () => wanted.every((list, n) => browsers[n].heard.length >= list.length));
    assert.deepEqual(browsers.map((b) => b.heard), wanted);
    for (const b of browsers) b.heard = [];
  };
  const each = (message) => browsers.map((_, n) => message(n));

  servers[0].emit("news", { n: 1 });
  await heard("all hear the news", each(() => [["news", { n: 1 }]]));
  servers[1].to("odd").emit("odd", Buffer.from([0, 255]));
  servers[1].emit("end");
  await heard("the odd ones hear it", each((n) => n % 2 ? [["odd", Buffer.from([0, 255])], ["end"]] : [["end"]]));
  servers[2].to("all").except("server0").emit("not on 0");
  servers[2].emit("end");
  await heard("all but the first server's", each((n) => n >= 2 ? [["not on 0"], ["end"]] : [["end"]]));
  assert.equal(await within("say", browsers[3].emitWithAck("say", "hello")), "sent");
  await heard("all but the speaker hear it", each((n) => n === 3 ? [] : [["said", 3, "hello"]]));
  // Answers of browsers on all servers.
  const answers = await within("answers", servers[0].timeout(10000).emitWithAck("question"));
  assert.deepEqual(answers.sort(), each((n) => `answer ${n}`));
  const remote = await servers[1].in("even").fetchSockets();
  assert.deepEqual(remote.map((s) => s.data.n).sort(), [0, 2, 4]);
  servers[2].in("even").socketsJoin("chosen");
  await waitUntil("the even ones have joined", async () => (await servers[0].in("chosen").fetchSockets()).length === 3);
  servers[0].in("server2").socketsLeave("chosen");
  await waitUntil("one has left", async () => (await servers[1].in("chosen").fetchSockets()).length === 2);
  servers[1].to("chosen").emit("chosen");
  servers[1].emit("end");
  await heard("those chosen hear it", each((n) => [0, 2].includes(n) ? [["chosen"], ["end"]] : [["end"]]));
  for (let i = 0; i < 200; i++) servers[i % 3].emit("many", i);
  await waitUntil("all hear two hundred", () => browsers.every((b) => b.heard.length === 200));
  for (const b of browsers) {
    for (let s = 0; s < 3; s++) {
      const own = b.heard.map(([, i]) => i).filter((i) => i % 3 === s);
      assert.deepEqual(own, [...own].sort((x, y) => x - y), "a server's messages changed their order");
    }
  }
  for (const [s, io] of servers.entries()) io.on("ask", (answer) => answer?.(`server ${s}`));
  const others = await within("server side answers", servers[0].serverSideEmitWithAck("ask"));
  assert.deepEqual(others.sort(), ["server 1", "server 2"]);
  const gone = new Promise((resolve) => browsers[5].on("disconnect", resolve));
  servers[0].in("server2").disconnectSockets(true);
  await within("a socket is sent away", gone);
  await waitUntil("four sockets are left", async () => (await servers[0].fetchSockets()).length === 4);
  for (const b of browsers) b.disconnect();
  for (const io of servers) await within("a server closes", io.close());
}

async function pubSubOnIoredis() {
  await whole(async () => createAdapter(ioredis(), ioredis(), { requestsTimeout: 10000 }));
}
async function pubSubOnNodeRedis() {
  await whole(async () => createAdapter(await nodeRedis(), await nodeRedis(), { key: "other", requestsTimeout: 10000 }));
}
async function shardedPubSub() {
  await whole(async () => createShardedAdapter(await nodeRedis(), await nodeRedis(), { subscriptionMode: "dynamic" }));
}
async function streams() {
  await whole(async () => createStreamsAdapter(await nodeRedis(), { streamName: "events", maxLen: 1000, readCount: 50 }));
  const client = ioredis();
  assert.equal(await client.type("events"), "stream");
  assert.ok((await client.xlen("events")) <= 1100);
}

await ioredis().flushall();
await main(pubSubOnIoredis, pubSubOnNodeRedis, shardedPubSub, streams);

// A session store: express-session on connect-redis and node-redis, driven over HTTP.
// usage: node sessions.mjs HOST PORT
import assert from "node:assert/strict";
import { RedisStore } from "connect-redis";
import express from "express";
import session from "express-session";
import { createClient } from "redis";
import { atEnd, main, url, waitUntil } from "./kit.mjs";

const client = await createClient({ url }).on("error", (e) => { throw e; }).connect();
atEnd(() => client.close());
const store = new RedisStore({ client, prefix: "shop:", ttl: (data) => data.brief ? 2 : 1800 });
const app = express();
app.use(express.json());
app.use(session({ store, secret: "for this program only", resave: false, saveUninitialized: false, rolling: true }));
app.post("/login", (req, res, next) => req.session.regenerate((e) => {
  if (e) return next(e);
  Object.assign(req.session, { user: req.body.user, brief: req.body.brief, cart: [] });
  res.json({ id: req.sessionID });
}));
app.post("/cart", (req, res) => { req.session.cart.push(req.body.item); res.json(req.session.cart); });
app.get("/me", (req, res) => res.json({ user: req.session.user ?? null, cart: req.session.cart ?? null }));
app.post("/logout", (req, res, next) => req.session.destroy((e) => e ? next(e) : res.json("bye")));
app.use((e, req, res, _) => res.status(500).json(e.message));
const server = await new Promise((resolve) => { const s = app.listen(0, "127.0.0.1", () => resolve(s)); });
atEnd(() => new Promise((resolve) => { server.closeAllConnections(); server.close(resolve); }));

// A browser: keeps its cookie.
function browser() {
  let cookie = "";
  return async (method, path, body) => {
    const reply = await fetch(`http://127.0.0.1:${server.address().port}${path}`, {
      method, headers: { "content-type": "application/json", cookie }, body: body && JSON.stringify(body),
    });
    cookie = reply.headers.get("set-cookie")?.split(";")[0] ?? cookie;
    const text = await reply.json();
    assert.equal(reply.status, 200, String(text));
    return text;
  };
}

async function visits() {
  const [ann, ben] = [browser(), browser()];
  assert.deepEqual(await ann("GET", "/me"), { user: null, cart: null });
  assert.equal((await client.keys("shop:*")).length, 0);
  const { id } = await ann("POST", "/login", { user: "ann" });
  await ben("POST", "/login", { user: "ben" });
  await Promise.all([ann("POST", "/cart", { item: "tea" }), ben("POST", "/cart", { item: "pen" })]);
  assert.deepEqual(await ann("POST", "/cart", { item: "cup" }), ["tea", "cup"]);
  assert.deepEqual(await ann("GET", "/me"), { user: "ann", cart: ["tea", "cup"] });
  assert.deepEqual(await ben("GET", "/me"), { user: "ben", cart: ["pen"] });
  const stored = JSON.parse(await client.get(`shop:${id}`));
  assert.equal(stored.user, "ann");
  const ttl = await client.ttl(`shop:${id}`);
  assert.ok(ttl > 1790 && ttl <= 1800, String(ttl));
  // A new login has a new id, and the old one is gone.
  const again = await ann("POST", "/login", { user: "ann" });
  assert.notEqual(again.id, id);
  assert.equal(await client.exists(`shop:${id}`), 0);
  assert.equal(await ann("POST", "/logout"), "bye");
  assert.equal(await client.exists(`shop:${again.id}`), 0);
  assert.deepEqual(await ann("GET", "/me"), { user: null, cart: null });
}

async function rollingDeadline() {
  const cid = browser();
  const { id } = await cid("POST", "/login", { user: "cid", brief: true });
  await client.pExpire(`shop:${id}`, 900);
  await cid("GET", "/me");
  const renewed = await client.pTTL(`shop:${id}`);
  assert.ok(renewed > 900 && renewed <= 2000, String(renewed));
  await waitUntil("the session has expired", async () => (await client.exists(`shop:${id}`)) === 0, 5);
  assert.deepEqual(await cid("GET", "/me"), { user: null, cart: null });
}

async function wholeStore() {
  for (let i = 0; i < 150; i++) await store.set(`made${i}`, { user: i, cookie: {} });
  assert.equal(await store.length(), 151);
  assert.equal((await store.ids()).length, 151);
  assert.equal((await store.all()).filter((s) => typeof s.user === "number").length, 150);
  await store.destroy("made0");
  assert.equal(await store.get("made0"), null);
  await client.set("other", "stays");
  await store.clear();
  assert.equal(await store.length(), 0);
  assert.equal(await client.get("other"), "stays");
}

await client.flushAll();
await main(visits, rollingDeadline, wholeStore);

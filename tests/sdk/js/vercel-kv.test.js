// @vercel/kv, which is @upstash/redis with variables and iterators of its own.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { createClient, kv } from "@vercel/kv";

import { token, url } from "./pkv.js";

let client;
beforeEach(async () => {
  client = createClient({ url, token });
  await client.flushdb();
});

test("values, hashes and sorted sets read back", async () => {
  assert.equal(await client.set("user", { id: 1, name: "Ada 👋" }, { ex: 100, nx: true }), "OK");
  assert.deepEqual(await client.get("user"), { id: 1, name: "Ada 👋" });
  assert.equal(await client.get("missing"), null);
  assert.equal(await client.hset("hash", { a: 1, b: ["two"] }), 2);
  assert.deepEqual(await client.hget("hash", "b"), ["two"]);
  assert.deepEqual(await client.hgetall("hash"), { a: 1, b: ["two"] });
  const members = [
    { score: 2, member: "b" },
    { score: 1, member: "a" },
  ];
  assert.equal(await client.zadd("zset", ...members), 2);
  assert.deepEqual(await client.zrange("zset", 0, 1, { withScores: true }), ["a", 1, "b", 2]);
  assert.equal(await client.lpush("list", "a", "b"), 2);
  assert.deepEqual(await client.lrange("list", 0, -1), ["b", "a"]);
  assert.equal(await client.sadd("set", "a"), 1);
  assert.deepEqual(await client.smembers("set"), ["a"]);
});

test("pipelines and transactions are executed", async () => {
  assert.deepEqual(await client.pipeline().set("n", 1).incr("n").exec(), ["OK", 2]);
  assert.deepEqual(await client.multi().incr("n").get("n").exec(), [3, 3]);
});

test("the client of the environment is pkv's", async () => {
  // The client is made when it is first used.
  process.env.KV_REST_API_URL = url;
  process.env.KV_REST_API_TOKEN = token;
  try {
    assert.equal(await kv.set("key", "from kv"), "OK");
  } finally {
    delete process.env.KV_REST_API_URL;
    delete process.env.KV_REST_API_TOKEN;
  }
  assert.equal(await client.get("key"), "from kv");
  assert.equal(await kv.incr("n"), 1);
});

async function all(iterator) {
  const found = [];
  for await (const item of iterator) found.push(item);
  return found;
}

test("scanIterator finds every key", async () => {
  const users = Array.from({ length: 300 }, (_, i) => `user:${i}`);
  await client.mset({ other: 1, ...Object.fromEntries(users.map((user) => [user, 1])) });
  const found = await all(client.scanIterator({ match: "user:*", count: 50 }));
  assert.deepEqual([...new Set(found)].sort(), users.sort());
  assert.equal((await all(client.scanIterator())).length, 301);
});

test("hscanIterator, sscanIterator and zscanIterator find everything", async () => {
  const names = Array.from({ length: 1000 }, (_, i) => `name:${i}`);
  await client.hset("hash", Object.fromEntries(names.map((name, i) => [name, i])));
  await client.sadd("set", ...names);
  await client.zadd("zset", ...names.map((member, score) => ({ member, score })));
  const pairs = new Map(names.map((name, i) => [name, i]));
  const paired = (flat) => new Map(flat.flatMap((name, i) => (i % 2 ? [] : [[name, flat[i + 1]]])));

  assert.deepEqual(paired(await all(client.hscanIterator("hash", { count: 100 }))), pairs);
  assert.deepEqual(paired(await all(client.zscanIterator("zset", { count: 100 }))), pairs);
  const members = await all(client.sscanIterator("set", { count: 100 }));
  assert.deepEqual([...new Set(members)].sort(), names.sort());
});

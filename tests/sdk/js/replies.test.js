// Replies that could be mistaken for others, what takes several requests, and what no method of
// the client sends; methods.test.js has each method by itself.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { connect } from "./pkv.js";

let redis;
beforeEach(async () => {
  redis = connect();
  await redis.flushdb();
});

test("a list that looks like a message of a subscription is a list", async () => {
  for (const list of [
    ["message", "a", "b"],
    ["subscribe", "c", 1],
  ]) {
    await redis.del("list");
    await redis.rpush("list", ...list);
    assert.deepEqual(await redis.lrange("list", 0, -1), list);
  }
});

test("SCAN finds every key", async () => {
  const users = Array.from({ length: 300 }, (_, i) => `user:${i}`);
  await redis.mset({ other: 1, ...Object.fromEntries(users.map((user) => [user, 1])) });
  const found = new Set();
  let cursor = "0";
  do {
    const [next, keys] = await redis.scan(cursor, { match: "user:*", count: 50 });
    keys.forEach((key) => found.add(key));
    cursor = next;
  } while (cursor !== "0");
  assert.deepEqual([...found].sort(), users.sort());
});

// Commands whose replies the client takes apart.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { beforeEach, test } from "node:test";

import { connect } from "./pkv.js";

let redis;
beforeEach(async () => {
  redis = connect();
  await redis.flushdb();
});

test("PING is answered", async () => {
  assert.equal(await redis.ping(), "PONG");
  assert.equal(await redis.echo("hello"), "hello");
});

test("a raw command is executed", async () => {
  assert.equal(await redis.exec(["SET", "key", "value", "EX", 100]), "OK");
  assert.equal(await redis.exec(["getrange", "key", 1, 2]), "al");
});

test("a hash reads back as an object", async () => {
  assert.equal(await redis.hset("hash", { name: "Ada", born: 1815, tags: ["math"] }), 3);
  assert.deepEqual(await redis.hgetall("hash"), { name: "Ada", born: 1815, tags: ["math"] });
  assert.equal(await redis.hgetall("missing"), null);
});

test("a field of a hash expires by itself", async () => {
  await redis.hset("hash", { lasting: 1, passing: 2 });
  assert.deepEqual(await redis.hexpire("hash", "passing", 100), [1]);
  const [lasting, passing, missing] = await redis.httl("hash", ["lasting", "passing", "missing"]);
  assert.equal(lasting, -1);
  assert.ok(passing > 0 && passing <= 100, `${passing}`);
  assert.equal(missing, -2);
});

test("a sorted set reads back in order, with scores", async () => {
  const members = [
    { score: 2.5, member: "b" },
    { score: 1, member: "a" },
    { score: 10, member: "c" },
  ];
  assert.equal(await redis.zadd("zset", ...members), 3);
  const pairs = await redis.zrange("zset", 0, -1, { withScores: true });
  assert.deepEqual(pairs, ["a", 1, "b", 2.5, "c", 10]);
  assert.equal(await redis.zscore("zset", "b"), 2.5);
});

test("a list reads back in order", async () => {
  assert.equal(await redis.lpush("list", "one", "two", "three"), 3);
  assert.deepEqual(await redis.lrange("list", 0, -1), ["three", "two", "one"]);
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

test("EVAL gets keys and arguments and returns nested arrays", async () => {
  const script = "return {KEYS[1], ARGV[1], {1, {'deep'}}, false}";
  assert.deepEqual(await redis.eval(script, ["key"], ["👋"]), ["key", "👋", [1, ["deep"]], null]);
});

test("a script that Redis does not know yet is sent once, and known then", async () => {
  await redis.scriptFlush();
  const text = "return 'scripted ' .. ARGV[1]";
  const sha = createHash("sha1").update(text).digest("hex");
  await assert.rejects(redis.evalsha(sha, [], ["x"]), /NOSCRIPT/);

  assert.equal(await redis.createScript(text).exec([], ["once"]), "scripted once");
  assert.equal(await redis.evalsha(sha, [], ["again"]), "scripted again");
});

test("a stream reads back in order", async () => {
  assert.equal(await redis.xadd("stream", "1-0", { text: "first", n: 1 }), "1-0");
  assert.match(await redis.xadd("stream", "*", { text: "second 🎉" }), /^\d+-\d+$/);
  const entries = await redis.xrange("stream", "-", "+");
  assert.deepEqual(Object.values(entries), [{ text: "first", n: 1 }, { text: "second 🎉" }]);
  assert.deepEqual(Object.keys(await redis.xrange("stream", "-", "+", 1)), ["1-0"]);
});

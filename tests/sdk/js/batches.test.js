// Several commands in one request: pipelines, transactions, automatic pipelines.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { errors } from "@upstash/redis";

import { connect, requestsOf } from "./pkv.js";

let redis;
beforeEach(async () => {
  redis = connect();
  await redis.flushdb();
});

test("a pipeline's results are in order", async () => {
  const results = await redis
    .pipeline()
    .set("key", "value")
    .get("key")
    .incr("n")
    .get("missing")
    .exec();
  assert.deepEqual(results, ["OK", "value", 1, null]);
});

test("a transaction's results are in order", async () => {
  const results = await redis
    .multi()
    .set("key", { a: 1 })
    .get("key")
    .incr("n")
    .get("missing")
    .exec();
  assert.deepEqual(results, ["OK", { a: 1 }, 1, null]);
});

test("a command that fails in a pipeline is told apart from the others", async () => {
  await redis.set("text", "abc");
  const pipeline = redis.pipeline().set("a", 1).lpush("text", "x").set("b", 2).get("b");
  const [a, failed, b, read] = await pipeline.exec({ keepErrors: true });
  assert.deepEqual([a.result, b.result, read.result], ["OK", "OK", 2]);
  assert.deepEqual([a.error, b.error, read.error], [undefined, undefined, undefined]);
  assert.match(failed.error, /^WRONGTYPE Operation against a key/);
  assert.equal(failed.result, undefined);
});

test("a command that fails in a pipeline is thrown after all were executed", async () => {
  await redis.set("text", "abc");
  await assert.rejects(redis.pipeline().incr("text").set("after", "done").exec(), (error) => {
    assert.ok(error instanceof errors.UpstashError);
    assert.match(error.message, /^Command 1 \[ incr \] failed: ERR value is not an int/);
    return true;
  });
  assert.equal(await redis.get("after"), "done");
});

test("a command that fails when a transaction runs does not undo the others", async () => {
  await redis.set("text", "abc");
  const transaction = redis.multi().set("before", 1).incr("text").set("after", 2);
  const [before, failed, after] = await transaction.exec({ keepErrors: true });
  assert.deepEqual([before.result, after.result], ["OK", "OK"]);
  assert.match(failed.error, /^ERR value is not an int/);
  assert.deepEqual(await redis.mget("before", "after"), [1, 2]);

  await assert.rejects(
    redis.multi().incr("n").incr("text").exec(),
    /Command 2 \[ incr \] failed: ERR/,
  );
  assert.equal(await redis.get("n"), 1);
});

test("a transaction with an impossible command changes nothing", async () => {
  const transaction = redis.multi().set("key", 1);
  transaction.getrange("key"); // too few arguments
  await assert.rejects(transaction.exec(), errors.UpstashError);
  assert.equal(await redis.get("key"), null);
});

test("concurrent commands share a request and each gets its own result", async () => {
  const keys = Array.from({ length: 500 }, (_, i) => `key:${i}`);
  const requests = await requestsOf(async () => {
    await Promise.all(keys.map((key) => redis.set(key, `value of ${key}`)));
    const values = await Promise.all(keys.map((key) => redis.get(key)));
    assert.deepEqual(
      values,
      keys.map((key) => `value of ${key}`),
    );
  });
  assert.deepEqual(
    requests.map(({ path }) => path),
    ["/pipeline", "/pipeline"],
  );
});

test("of concurrent commands only the one that fails is rejected", async () => {
  await redis.set("text", "abc");
  const outcomes = await Promise.allSettled([redis.incr("n"), redis.incr("text"), redis.incr("n")]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled"],
  );
  assert.match(outcomes[1].reason.message, /^Command failed: ERR value is not an int/);
  assert.equal(outcomes[2].value, 2);
});

test("concurrent requests are all answered", async () => {
  const single = connect({ enableAutoPipelining: false });
  const requests = await requestsOf(async () => {
    const counts = await Promise.all(Array.from({ length: 100 }, () => single.incr("n")));
    assert.deepEqual(
      counts.sort((a, b) => a - b),
      Array.from({ length: 100 }, (_, i) => i + 1),
    );
  });
  assert.equal(requests.length, 100);
});

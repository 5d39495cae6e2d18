// @upstash/lock.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

import { Lock } from "@upstash/lock";

import { connect, DEADLINE } from "./pkv.js";

// A lease that does not end during a test, and no second attempt.
const lock = (id, options) =>
  new Lock({ id, redis: connect(), lease: 600_000, retry: { attempts: 1, delay: 0 }, ...options });

const patient = { attempts: DEADLINE, delay: 1 };

test("one at a time holds a lock", async () => {
  const [first, second] = [lock("one"), lock("one")];
  assert.equal(await first.getStatus(), "FREE");
  assert.equal(await first.acquire(), true);
  assert.equal(await second.acquire(), false);
  assert.deepEqual([await first.getStatus(), await second.getStatus()], ["ACQUIRED", "FREE"]);
  assert.equal(await lock("another").acquire(), true);

  assert.equal(await second.release(), false);
  assert.equal(await first.release(), true);
  assert.equal(await first.release(), false);
  assert.equal(await second.acquire(), true);
  assert.equal(await first.getStatus(), "FREE");
});

test("of many who want it at once one gets the lock", async () => {
  const acquired = await Promise.all(Array.from({ length: 20 }, () => lock("crowd").acquire()));
  assert.equal(acquired.filter(Boolean).length, 1);
});

test("who holds the lock is alone", async () => {
  const redis = connect();
  const increment = async () => {
    const own = lock("counting", { retry: patient });
    assert.equal(await own.acquire(), true);
    const count = (await redis.get("count")) ?? 0;
    await redis.set("count", count + 1);
    assert.equal(await own.release(), true);
  };
  await Promise.all(Array.from({ length: 10 }, increment));
  assert.equal(await redis.get("count"), 10);
});

test("a lock that is not released ends by itself", async () => {
  const [first, second] = [lock("expiring", { lease: 100 }), lock("expiring", { retry: patient })];
  assert.equal(await first.acquire(), true);
  assert.equal(await second.acquire(), true);
  assert.equal(await first.getStatus(), "FREE");
  assert.equal(await first.release(), false);
  assert.equal(await second.getStatus(), "ACQUIRED");
});

test("who holds a lock can extend it", async () => {
  const redis = connect();
  const [first, second] = [lock("extended"), lock("extended")];
  assert.equal(await first.acquire({ uuid: randomUUID() }), true);
  assert.equal(await first.extend(600_000), true);
  const left = await redis.ttl("extended");
  assert.ok(left > 600 && left <= 1200, `${left}`);
  assert.equal(await second.extend(600_000), false);
  assert.ok((await redis.ttl("extended")) <= 1200);
});

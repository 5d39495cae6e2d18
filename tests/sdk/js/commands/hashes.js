// Hashes, and the expiry of their fields.
import assert from "node:assert/strict";

import { ahead, passed, sameMembers, within } from "./checks.js";

export const hashes = {
  async hdel(redis) {
    await redis.hset("hash", { a: 1, b: 2, c: 3 });
    assert.equal(await redis.hdel("hash", "a", "b", "missing"), 2);
    assert.deepEqual(await redis.hgetall("hash"), { c: 3 });
  },

  async hexists(redis) {
    await redis.hset("hash", { a: 1 });
    assert.equal(await redis.hexists("hash", "a"), 1);
    assert.equal(await redis.hexists("hash", "b"), 0);
  },

  async hget(redis) {
    await redis.hset("hash", { text: "OK", list: [1, 2] });
    assert.equal(await redis.hget("hash", "text"), "OK");
    assert.deepEqual(await redis.hget("hash", "list"), [1, 2]);
    assert.equal(await redis.hget("hash", "missing"), null);
    assert.equal(await redis.hget("missing", "a"), null);
  },

  async hgetall(redis) {
    const hash = { text: "👋", n: 15, yes: false, object: { a: 1 }, huge: "9007199254740993" };
    await redis.hset("hash", hash);
    assert.deepEqual(await redis.hgetall("hash"), hash);
    assert.equal(await redis.hgetall("missing"), null);
  },

  async hgetdel(redis) {
    await redis.hset("hash", { a: 1, b: "two", c: 3 });
    assert.deepEqual(await redis.hgetdel("hash", "a", "b", "no"), { a: 1, b: "two", no: null });
    assert.deepEqual(await redis.hgetall("hash"), { c: 3 });
    assert.equal(await redis.hgetdel("hash", "a"), null);
  },

  async hgetex(redis) {
    await redis.hset("hash", { a: 1, b: "two" });
    const soon = ahead();
    for (const expiry of [{ ex: 100 }, { px: 100_000 }, { exat: soon }, { pxat: soon * 1000 }]) {
      assert.deepEqual(await redis.hgetex("hash", expiry, "a", "b"), { a: 1, b: "two" });
      within((await redis.httl("hash", "a"))[0], 1, 1001);
      assert.deepEqual(await redis.hgetex("hash", { persist: true }, "a"), { a: 1 });
      assert.deepEqual(await redis.httl("hash", "a"), [-1]);
    }
    assert.equal(await redis.hgetex("hash", { ex: 100 }, "missing"), null);
  },

  async hincrby(redis) {
    assert.equal(await redis.hincrby("hash", "n", 3), 3);
    assert.equal(await redis.hincrby("hash", "n", -5), -2);
  },

  async hincrbyfloat(redis) {
    assert.equal(await redis.hincrbyfloat("hash", "n", 1.5), 1.5);
    assert.equal(await redis.hincrbyfloat("hash", "n", 1), 2.5);
  },

  async hkeys(redis) {
    await redis.hset("hash", { a: 1, b: 2 });
    sameMembers(await redis.hkeys("hash"), ["a", "b"]);
    assert.deepEqual(await redis.hkeys("missing"), []);
  },

  async hlen(redis) {
    await redis.hset("hash", { a: 1, b: 2 });
    assert.equal(await redis.hlen("hash"), 2);
    assert.equal(await redis.hlen("missing"), 0);
  },

  async hmget(redis) {
    await redis.hset("hash", { a: 1, b: "two" });
    assert.deepEqual(await redis.hmget("hash", "a", "b", "c"), { a: 1, b: "two", c: null });
    assert.equal(await redis.hmget("hash", "c", "d"), null);
  },

  async hmset(redis) {
    assert.equal(await redis.hmset("hash", { a: 1, b: "two" }), "OK");
    assert.deepEqual(await redis.hgetall("hash"), { a: 1, b: "two" });
  },

  async hrandfield(redis) {
    await redis.hset("hash", { a: 1, b: 2 });
    assert.ok(["a", "b"].includes(await redis.hrandfield("hash")));
    sameMembers(await redis.hrandfield("hash", 5), ["a", "b"]);
    assert.equal((await redis.hrandfield("hash", -5)).length, 5);
    assert.deepEqual(await redis.hrandfield("hash", 2, true), { a: 1, b: 2 });
    assert.equal(await redis.hrandfield("missing"), null);
  },

  async hscan(redis) {
    await redis.hset("hash", { a: 1, ab: "two", c: 3 });
    const [cursor, items] = await redis.hscan("hash", 0);
    assert.equal(cursor, "0");
    assert.deepEqual(Object.fromEntries([0, 2, 4].map((i) => items.slice(i, i + 2))), {
      a: 1,
      ab: "two",
      c: 3,
    });
    assert.deepEqual(await redis.hscan("hash", 0, { match: "?b", count: 100 }), [
      "0",
      ["ab", "two"],
    ]);
  },

  async hset(redis) {
    assert.equal(await redis.hset("hash", { a: 1, b: 2 }), 2);
    assert.equal(await redis.hset("hash", { b: 3, c: 4 }), 1);
    assert.deepEqual(await redis.hgetall("hash"), { a: 1, b: 3, c: 4 });
  },

  async hsetex(redis) {
    const soon = ahead();
    for (const expiration of [
      { ex: 100 },
      { px: 900_000 },
      { exat: soon },
      { pxat: soon * 1000 },
    ]) {
      assert.equal(await redis.hsetex("hash", { expiration }, { a: 1, b: "two" }), 1);
      within((await redis.httl("hash", "b"))[0], 1, 1001);
    }
    assert.equal(await redis.hsetex("hash", { expiration: { keepttl: true } }, { b: 3 }), 1);
    within((await redis.httl("hash", "b"))[0], 1, 1001);
    assert.equal(await redis.hsetex("hash", { conditional: "fnx" }, { a: 9, c: 9 }), 0);
    assert.equal(await redis.hsetex("hash", { conditional: "fxx" }, { a: 9, c: 9 }), 0);
    assert.equal(await redis.hsetex("hash", { conditional: "fxx" }, { a: 4 }), 1);
    assert.deepEqual(await redis.hgetall("hash"), { a: 4, b: 3 });
    assert.deepEqual(await redis.httl("hash", "a"), [-1]);
  },

  async hsetnx(redis) {
    assert.equal(await redis.hsetnx("hash", "a", { first: 1 }), 1);
    assert.equal(await redis.hsetnx("hash", "a", "second"), 0);
    assert.deepEqual(await redis.hget("hash", "a"), { first: 1 });
  },

  async hstrlen(redis) {
    await redis.hset("hash", { a: "héllo" });
    assert.equal(await redis.hstrlen("hash", "a"), 6);
    assert.equal(await redis.hstrlen("hash", "missing"), 0);
  },

  async hvals(redis) {
    await redis.hset("hash", { a: 1, b: "two" });
    sameMembers(await redis.hvals("hash"), [1, "two"]);
    assert.deepEqual(await redis.hvals("missing"), []);
  },
};

export const hashFieldExpiry = {
  async hexpire(redis) {
    await redis.hset("hash", { a: 1, b: 2 });
    assert.deepEqual(await redis.hexpire("hash", ["a", "missing"], 100), [1, -2]);
    assert.deepEqual(await redis.hexpire("hash", "a", 200, "NX"), [0]);
    assert.deepEqual(await redis.hexpire("hash", "b", 200, "XX"), [0]);
    assert.deepEqual(await redis.hexpire("hash", "a", 50, "GT"), [0]);
    assert.deepEqual(await redis.hexpire("hash", "a", 50, "LT"), [1]);
    within((await redis.httl("hash", "a"))[0], 1, 50);
    assert.deepEqual(await redis.hexpire("hash", "a", 0), [2]);
    assert.deepEqual(await redis.hgetall("hash"), { b: 2 });
    assert.deepEqual(await redis.hexpire("missing", "a", 100), [-2]);
  },

  async hexpireat(redis) {
    await redis.hset("hash", { a: 1, b: 2 });
    assert.deepEqual(await redis.hexpireat("hash", ["a", "missing"], ahead()), [1, -2]);
    within((await redis.httl("hash", "a"))[0], 1, 1000);
    assert.deepEqual(await redis.hexpireat("hash", "a", passed()), [2]);
    assert.deepEqual(await redis.hgetall("hash"), { b: 2 });
    // Milliseconds where seconds are meant, as the client's own tests do.
    assert.deepEqual(await redis.hexpireat("missing", "a", Date.now()), [-2]);
  },

  async hexpiretime(redis) {
    const soon = ahead();
    await redis.hset("hash", { a: 1, b: 2 });
    await redis.hexpireat("hash", "a", soon);
    assert.deepEqual(await redis.hexpiretime("hash", ["a", "b", "missing"]), [soon, -1, -2]);
  },

  async hpersist(redis) {
    await redis.hset("hash", { a: 1, b: 2 });
    await redis.hexpire("hash", "a", 100);
    assert.deepEqual(await redis.hpersist("hash", ["a", "b", "missing"]), [1, -1, -2]);
    assert.deepEqual(await redis.httl("hash", "a"), [-1]);
  },

  async hpexpire(redis) {
    await redis.hset("hash", { a: 1 });
    assert.deepEqual(await redis.hpexpire("hash", ["a", "missing"], 100_000), [1, -2]);
    assert.deepEqual(await redis.hpexpire("hash", "a", 200_000, "NX"), [0]);
    within((await redis.hpttl("hash", "a"))[0], 1, 100_000);
  },

  async hpexpireat(redis) {
    const soon = ahead() * 1000 + 7;
    await redis.hset("hash", { a: 1 });
    assert.deepEqual(await redis.hpexpireat("hash", ["a", "missing"], soon), [1, -2]);
    assert.deepEqual(await redis.hpexpireat("hash", "a", soon - 1, "GT"), [0]);
    assert.deepEqual(await redis.hpexpiretime("hash", "a"), [soon]);
  },

  async hpexpiretime(redis) {
    const soon = ahead() * 1000 + 7;
    await redis.hset("hash", { a: 1, b: 2 });
    await redis.hpexpireat("hash", "a", soon);
    assert.deepEqual(await redis.hpexpiretime("hash", ["a", "b", "missing"]), [soon, -1, -2]);
  },

  async hpttl(redis) {
    await redis.hset("hash", { a: 1, b: 2 });
    await redis.hpexpire("hash", "a", 100_000);
    const [a, b, missing] = await redis.hpttl("hash", ["a", "b", "missing"]);
    within(a, 1, 100_000);
    assert.deepEqual([b, missing], [-1, -2]);
  },

  async httl(redis) {
    await redis.hset("hash", { a: 1, b: 2 });
    await redis.hexpire("hash", "a", 100);
    const [a, b, missing] = await redis.httl("hash", ["a", "b", "missing"]);
    within(a, 1, 100);
    assert.deepEqual([b, missing], [-1, -2]);
    assert.deepEqual(await redis.httl("missing", "a"), [-2]);
  },
};

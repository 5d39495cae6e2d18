// Strings and their bits.
import assert from "node:assert/strict";

import { passed, within } from "./checks.js";

export const strings = {
  async append(redis) {
    assert.equal(await redis.append("key", "ab"), 2);
    assert.equal(await redis.append("key", "c"), 3);
    assert.equal(await redis.get("key"), "abc");
  },

  async decr(redis) {
    assert.deepEqual([await redis.decr("n"), await redis.decr("n")], [-1, -2]);
  },

  async decrby(redis) {
    assert.equal(await redis.decrby("n", 40), -40);
    assert.equal(await redis.decrby("n", -42), 2);
  },

  async get(redis) {
    await redis.set("object", { a: [1, null, "x"] });
    await redis.set("precise", "9007199254740993");
    assert.deepEqual(await redis.get("object"), { a: [1, null, "x"] });
    assert.equal(await redis.get("precise"), "9007199254740993");
    assert.equal(await redis.get("missing"), null);
    await redis.lpush("list", "x");
    await assert.rejects(redis.get("list"), /WRONGTYPE Operation against a key/);
  },

  async getdel(redis) {
    await redis.set("key", "value");
    assert.equal(await redis.getdel("key"), "value");
    assert.equal(await redis.getdel("key"), null);
  },

  async getex(redis) {
    const soon = Math.floor(Date.now() / 1000) + 100;
    await redis.set("key", "value");
    for (const expiry of [{ ex: 100 }, { px: 100_000 }, { exat: soon }, { pxat: soon * 1000 }]) {
      assert.equal(await redis.getex("key", expiry), "value");
      within(await redis.ttl("key"), 1, 101);
      assert.equal(await redis.getex("key", { persist: true }), "value");
      assert.equal(await redis.ttl("key"), -1);
    }
    assert.equal(await redis.getex("key", { exat: passed() }), "value");
    assert.equal(await redis.getex("key"), null);
  },

  async getrange(redis) {
    await redis.set("key", "Hello World");
    assert.equal(await redis.getrange("key", 0, 4), "Hello");
    assert.equal(await redis.getrange("key", -5, -1), "World");
    assert.equal(await redis.getrange("missing", 0, -1), "");
  },

  async getset(redis) {
    assert.equal(await redis.getset("key", "first"), null);
    assert.equal(await redis.getset("key", { n: 2 }), "first");
    assert.deepEqual(await redis.getset("key", "third"), { n: 2 });
  },

  async incr(redis) {
    assert.deepEqual([await redis.incr("n"), await redis.incr("n")], [1, 2]);
    await redis.set("text", "abc");
    await assert.rejects(redis.incr("text"), /ERR value is not an int/);
  },

  async incrby(redis) {
    assert.equal(await redis.incrby("n", 40), 40);
    assert.equal(await redis.incrby("n", -42), -2);
  },

  async incrbyfloat(redis) {
    assert.equal(await redis.incrbyfloat("n", 1.5), 1.5);
    assert.equal(await redis.incrbyfloat("n", 1), 2.5);
    assert.equal(await redis.incrbyfloat("n", -0.5), 2);
  },

  async mget(redis) {
    await redis.mset({ a: "OK", b: 2, c: { d: true } });
    assert.deepEqual(await redis.mget("a", "b", "c", "e"), ["OK", 2, { d: true }, null]);
    assert.deepEqual(await redis.mget(["b", "e"]), [2, null]);
  },

  async mset(redis) {
    assert.equal(await redis.mset({ a: 1, b: "two", c: [3] }), "OK");
    assert.deepEqual(await redis.mget("a", "b", "c"), [1, "two", [3]]);
  },

  async msetnx(redis) {
    assert.equal(await redis.msetnx({ a: 1, b: 2 }), 1);
    assert.equal(await redis.msetnx({ b: 3, c: 4 }), 0);
    assert.deepEqual(await redis.mget("a", "b", "c"), [1, 2, null]);
  },

  async psetex(redis) {
    assert.equal(await redis.psetex("key", 100_000, { a: 1 }), "OK");
    assert.deepEqual(await redis.get("key"), { a: 1 });
    within(await redis.pttl("key"), 1, 100_000);
  },

  async set(redis) {
    assert.equal(await redis.set("key", "value"), "OK");
    assert.equal(await redis.set("key", "other", { nx: true }), null);
    assert.equal(await redis.set("missing", "other", { xx: true }), null);
    assert.equal(await redis.set("key", "second", { xx: true, get: true }), "value");
    assert.equal(await redis.set("key", "third", { nx: true, get: true }), "second");
    assert.equal(await redis.set("new", "first", { nx: true, get: true }), null);
    assert.deepEqual(await redis.mget("key", "missing", "new"), ["second", null, "first"]);

    const soon = Math.floor(Date.now() / 1000) + 100;
    for (const expiry of [{ ex: 100 }, { px: 100_000 }, { exat: soon }, { pxat: soon * 1000 }]) {
      assert.equal(await redis.set("key", "value", expiry), "OK");
      within(await redis.ttl("key"), 1, 101);
      assert.equal(await redis.set("key", "kept", { keepTtl: true }), "OK");
      within(await redis.ttl("key"), 1, 101);
      await redis.set("key", "lasting");
      assert.equal(await redis.ttl("key"), -1);
    }
  },

  async setex(redis) {
    assert.equal(await redis.setex("key", 100, ["a"]), "OK");
    assert.deepEqual(await redis.get("key"), ["a"]);
    within(await redis.ttl("key"), 1, 100);
  },

  async setnx(redis) {
    assert.equal(await redis.setnx("key", "first"), 1);
    assert.equal(await redis.setnx("key", "second"), 0);
    assert.equal(await redis.get("key"), "first");
  },

  async setrange(redis) {
    await redis.set("key", "Hello World");
    assert.equal(await redis.setrange("key", 6, "Redis"), 11);
    assert.equal(await redis.get("key"), "Hello Redis");
    assert.equal(await redis.setrange("padded", 2, "x"), 3);
    assert.equal(await redis.get("padded"), "\0\0x");
  },

  async strlen(redis) {
    await redis.set("key", "héllo");
    assert.equal(await redis.strlen("key"), 6);
    assert.equal(await redis.strlen("missing"), 0);
  },
};

export const bits = {
  async bitcount(redis) {
    await redis.set("key", "foobar");
    assert.equal(await redis.bitcount("key"), 26);
    assert.equal(await redis.bitcount("key", 0, 0), 4);
    assert.equal(await redis.bitcount("missing"), 0);
  },

  async bitfield(redis) {
    const written = await redis
      .bitfield("key")
      .set("u8", 0, 250)
      .get("u4", 4)
      .incrby("u8", 0, 3)
      .overflow("SAT")
      .incrby("u8", 0, 100)
      .overflow("FAIL")
      .incrby("u8", 0, 1)
      .exec();
    assert.deepEqual(written, [0, 10, 253, 255, null]);
  },

  async bitop(redis) {
    // 0110 1011, 0110 0001, 0110 0100
    await redis.mset({ x: "k", y: "a", z: "d" });
    const operations = {
      and: "`",
      or: "o",
      xor: "n",
      diff: "\x0a",
      diff1: "\x04",
      andor: "a",
      one: "\x0e",
    };
    for (const [operation, expected] of Object.entries(operations)) {
      assert.equal(await redis.bitop(operation, "result", "x", "y", "z"), 1, operation);
      assert.equal(await redis.get("result"), expected, operation);
    }
    assert.equal(await redis.bitop("not", "result", "x"), 1);
    assert.equal(await redis.bitcount("result"), 3);
  },

  async bitpos(redis) {
    await redis.setbit("key", 11, 1);
    assert.equal(await redis.bitpos("key", 1), 11);
    assert.equal(await redis.bitpos("key", 0), 0);
    assert.equal(await redis.bitpos("key", 0, 1), 8);
    assert.equal(await redis.bitpos("key", 1, 0, 0), -1);
  },

  async getbit(redis) {
    await redis.setbit("key", 7, 1);
    assert.deepEqual([await redis.getbit("key", 7), await redis.getbit("key", 6)], [1, 0]);
    assert.equal(await redis.getbit("missing", 0), 0);
  },

  async setbit(redis) {
    assert.equal(await redis.setbit("key", 7, 1), 0);
    assert.equal(await redis.setbit("key", 7, 0), 1);
    assert.equal(await redis.strlen("key"), 1);
  },
};

// Keys, whatever they hold.
import assert from "node:assert/strict";

import { ahead, passed, sameMembers, within } from "./checks.js";

export const keys = {
  async copy(redis) {
    await redis.set("a", { n: 1 });
    await redis.set("b", "other");
    assert.equal(await redis.copy("a", "c"), "COPIED");
    assert.equal(await redis.copy("a", "b"), "NOT_COPIED");
    assert.equal(await redis.copy("a", "b", { replace: true }), "COPIED");
    assert.equal(await redis.copy("a", "a"), "NOT_COPIED");
    assert.equal(await redis.copy("missing", "d"), "NOT_COPIED");
    assert.deepEqual(await redis.mget("a", "b", "c", "d"), [{ n: 1 }, { n: 1 }, { n: 1 }, null]);
  },

  async del(redis) {
    await redis.mset({ a: 1, b: 2, c: 3 });
    assert.equal(await redis.del("a", "b", "missing"), 2);
    assert.deepEqual(await redis.keys("*"), ["c"]);
  },

  async exists(redis) {
    await redis.mset({ a: 1, b: 2 });
    assert.equal(await redis.exists("a"), 1);
    assert.equal(await redis.exists("a", "b", "a", "missing"), 3);
  },

  async expire(redis) {
    await redis.set("key", 1);
    assert.equal(await redis.expire("key", 100), 1);
    assert.equal(await redis.expire("key", 200, "NX"), 0);
    assert.equal(await redis.expire("key", 50, "GT"), 0);
    assert.equal(await redis.expire("key", 50, "LT"), 1);
    within(await redis.ttl("key"), 1, 50);
    assert.equal(await redis.expire("key", -1), 1);
    assert.equal(await redis.get("key"), null);
    assert.equal(await redis.expire("missing", 100), 0);
  },

  async expireat(redis) {
    await redis.set("key", 1);
    assert.equal(await redis.expireat("key", ahead()), 1);
    assert.equal(await redis.expireat("key", ahead(), "NX"), 0);
    within(await redis.ttl("key"), 1, 1000);
    assert.equal(await redis.expireat("key", passed()), 1);
    assert.equal(await redis.exists("key"), 0);
  },

  async keys(redis) {
    await redis.mset({ "user:1": 1, "user:2": 2, other: 3 });
    sameMembers(await redis.keys("user:*"), ["user:1", "user:2"]);
    assert.deepEqual(await redis.keys("nobody:*"), []);
  },

  async persist(redis) {
    await redis.set("key", 1, { ex: 100 });
    assert.equal(await redis.persist("key"), 1);
    assert.equal(await redis.persist("key"), 0);
    assert.equal(await redis.ttl("key"), -1);
  },

  async pexpire(redis) {
    await redis.set("key", 1);
    assert.equal(await redis.pexpire("key", 100_000), 1);
    assert.equal(await redis.pexpire("key", 200_000, "NX"), 0);
    within(await redis.pttl("key"), 1, 100_000);
  },

  async pexpireat(redis) {
    await redis.set("key", 1);
    assert.equal(await redis.pexpireat("key", ahead() * 1000), 1);
    assert.equal(await redis.pexpireat("key", ahead() * 1000, "NX"), 0);
    within(await redis.pttl("key"), 1, 1_000_000);
  },

  async pttl(redis) {
    await redis.set("key", 1, { px: 100_000 });
    await redis.set("lasting", 1);
    within(await redis.pttl("key"), 1, 100_000);
    assert.deepEqual([await redis.pttl("lasting"), await redis.pttl("missing")], [-1, -2]);
  },

  async randomkey(redis) {
    assert.equal(await redis.randomkey(), null);
    await redis.mset({ a: 1, b: 2 });
    assert.ok(["a", "b"].includes(await redis.randomkey()));
  },

  async rename(redis) {
    await redis.mset({ a: 1, b: 2 });
    assert.equal(await redis.rename("a", "b"), "OK");
    assert.deepEqual(await redis.mget("a", "b"), [null, 1]);
    await assert.rejects(redis.rename("missing", "b"), /ERR no such key/);
  },

  async renamenx(redis) {
    await redis.mset({ a: 1, b: 2 });
    assert.equal(await redis.renamenx("a", "b"), 0);
    assert.equal(await redis.renamenx("a", "c"), 1);
    assert.deepEqual(await redis.mget("a", "b", "c"), [null, 2, 1]);
  },

  async scan(redis) {
    await redis.mset({ "user:1": 1, "user:2": 2, other: 3 });
    await redis.rpush("user:list", "a");
    await redis.json.set("user:json", "$", { a: 1 });
    const [cursor, all] = await redis.scan(0);
    assert.equal(cursor, "0");
    sameMembers(all, ["user:1", "user:2", "user:list", "user:json", "other"]);
    const some = async (options) => (await redis.scan("0", { count: 1000, ...options }))[1];
    sameMembers(await some({ match: "user:*" }), ["user:1", "user:2", "user:list", "user:json"]);
    sameMembers(await some({ match: "user:*", type: "list" }), ["user:list"]);
    sameMembers(await some({ type: "json" }), ["user:json"]);
    sameMembers(await some({ match: "user:*", withType: true }), [
      { key: "user:1", type: "string" },
      { key: "user:2", type: "string" },
      { key: "user:list", type: "list" },
      { key: "user:json", type: "json" },
    ]);
  },

  async touch(redis) {
    await redis.mset({ a: 1, b: 2 });
    assert.equal(await redis.touch("a", "b", "missing"), 2);
  },

  async ttl(redis) {
    await redis.set("key", 1, { ex: 100 });
    await redis.set("lasting", 1);
    within(await redis.ttl("key"), 1, 100);
    assert.deepEqual([await redis.ttl("lasting"), await redis.ttl("missing")], [-1, -2]);
  },

  async type(redis) {
    await redis.set("string", 1);
    await redis.lpush("list", 1);
    await redis.sadd("set", 1);
    await redis.zadd("zset", { score: 1, member: "a" });
    await redis.hset("hash", { a: 1 });
    await redis.xadd("stream", "*", { a: 1 });
    await redis.json.set("json", "$", { a: 1 });
    for (const type of ["string", "list", "set", "zset", "hash", "stream", "json"]) {
      assert.equal(await redis.type(type), type);
    }
    assert.equal(await redis.type("missing"), "none");
  },

  async unlink(redis) {
    await redis.mset({ a: 1, b: 2, c: 3 });
    assert.equal(await redis.unlink("a", "b", "missing"), 2);
    assert.deepEqual(await redis.keys("*"), ["c"]);
    assert.equal(await redis.unlink(), 0);
  },
};

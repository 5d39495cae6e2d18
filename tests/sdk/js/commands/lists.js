// Lists and sets.
import assert from "node:assert/strict";

import { sameMembers } from "./checks.js";

export const lists = {
  async lindex(redis) {
    await redis.rpush("list", "a", { b: 1 });
    assert.equal(await redis.lindex("list", 0), "a");
    assert.deepEqual(await redis.lindex("list", -1), { b: 1 });
    assert.equal(await redis.lindex("list", 2), null);
  },

  async linsert(redis) {
    await redis.rpush("list", "a", "c");
    assert.equal(await redis.linsert("list", "before", "c", "b"), 3);
    assert.equal(await redis.linsert("list", "after", "c", "d"), 4);
    assert.equal(await redis.linsert("list", "before", "missing", "x"), -1);
    assert.equal(await redis.linsert("missing", "before", "a", "x"), 0);
    assert.deepEqual(await redis.lrange("list", 0, -1), ["a", "b", "c", "d"]);
  },

  async llen(redis) {
    await redis.rpush("list", 1, 2, 3);
    assert.equal(await redis.llen("list"), 3);
    assert.equal(await redis.llen("missing"), 0);
  },

  async lmove(redis) {
    await redis.rpush("list", "a", "b", "c");
    assert.equal(await redis.lmove("list", "other", "left", "right"), "a");
    assert.equal(await redis.lmove("list", "other", "right", "left"), "c");
    assert.deepEqual(await redis.lrange("other", 0, -1), ["c", "a"]);
    assert.equal(await redis.lmove("missing", "other", "left", "left"), null);
  },

  async lmpop(redis) {
    await redis.rpush("list", "a", "b", "c");
    assert.deepEqual(await redis.lmpop(2, ["missing", "list"], "left"), ["list", ["a"]]);
    assert.deepEqual(await redis.lmpop(1, ["list"], "right", 5), ["list", ["c", "b"]]);
    assert.equal(await redis.lmpop(1, ["missing"], "left"), null);
  },

  async lpop(redis) {
    await redis.rpush("list", "a", 2, "c");
    assert.equal(await redis.lpop("list"), "a");
    assert.deepEqual(await redis.lpop("list", 5), [2, "c"]);
    assert.equal(await redis.lpop("list"), null);
    assert.equal(await redis.lpop("list", 2), null);
  },

  async lpos(redis) {
    await redis.rpush("list", "a", "b", "a", "a");
    assert.equal(await redis.lpos("list", "a"), 0);
    assert.equal(await redis.lpos("list", "a", { rank: -1 }), 3);
    assert.deepEqual(await redis.lpos("list", "a", { rank: 2, count: 0 }), [2, 3]);
    assert.deepEqual(await redis.lpos("list", "a", { count: 0, maxLen: 3 }), [0, 2]);
    assert.equal(await redis.lpos("list", "missing"), null);
  },

  async lpush(redis) {
    assert.equal(await redis.lpush("list", "a", "b"), 2);
    assert.equal(await redis.lpush("list", { c: 1 }), 3);
    assert.deepEqual(await redis.lrange("list", 0, -1), [{ c: 1 }, "b", "a"]);
  },

  async lpushx(redis) {
    assert.equal(await redis.lpushx("list", "a"), 0);
    await redis.lpush("list", "a");
    assert.equal(await redis.lpushx("list", "b", "c"), 3);
    assert.deepEqual(await redis.lrange("list", 0, -1), ["c", "b", "a"]);
  },

  async lrange(redis) {
    await redis.rpush("list", "a", 1, true, [null]);
    assert.deepEqual(await redis.lrange("list", 0, -1), ["a", 1, true, [null]]);
    assert.deepEqual(await redis.lrange("list", 1, 1), [1]);
    assert.deepEqual(await redis.lrange("missing", 0, -1), []);
  },

  async lrem(redis) {
    await redis.rpush("list", "a", "b", "a", "a");
    assert.equal(await redis.lrem("list", -2, "a"), 2);
    assert.deepEqual(await redis.lrange("list", 0, -1), ["a", "b"]);
  },

  async lset(redis) {
    await redis.rpush("list", "a", "b");
    assert.equal(await redis.lset("list", -1, "c"), "OK");
    assert.deepEqual(await redis.lrange("list", 0, -1), ["a", "c"]);
    await assert.rejects(redis.lset("list", 5, "x"), /ERR index out of range/);
  },

  async ltrim(redis) {
    await redis.rpush("list", "a", "b", "c", "d");
    assert.equal(await redis.ltrim("list", 1, 2), "OK");
    assert.deepEqual(await redis.lrange("list", 0, -1), ["b", "c"]);
  },

  async rpop(redis) {
    await redis.rpush("list", "a", "b", "c");
    assert.equal(await redis.rpop("list"), "c");
    assert.deepEqual(await redis.rpop("list", 5), ["b", "a"]);
    assert.equal(await redis.rpop("list"), null);
  },

  async rpush(redis) {
    assert.equal(await redis.rpush("list", "a", "b"), 2);
    assert.deepEqual(await redis.lrange("list", 0, -1), ["a", "b"]);
  },

  async rpushx(redis) {
    assert.equal(await redis.rpushx("list", "a"), 0);
    await redis.rpush("list", "a");
    assert.equal(await redis.rpushx("list", "b", "c"), 3);
    assert.deepEqual(await redis.lrange("list", 0, -1), ["a", "b", "c"]);
  },
};

export const sets = {
  async sadd(redis) {
    assert.equal(await redis.sadd("set", "a", "b", "a"), 2);
    assert.equal(await redis.sadd("set", "b", { c: 1 }), 1);
    sameMembers(await redis.smembers("set"), ["a", "b", { c: 1 }]);
  },

  async scard(redis) {
    await redis.sadd("set", 1, 2, 3);
    assert.equal(await redis.scard("set"), 3);
    assert.equal(await redis.scard("missing"), 0);
  },

  async sdiff(redis) {
    await redis.sadd("a", 1, 2, 3);
    await redis.sadd("b", 2);
    sameMembers(await redis.sdiff("a", "b"), [1, 3]);
    assert.deepEqual(await redis.sdiff("b", "a"), []);
  },

  async sdiffstore(redis) {
    await redis.sadd("a", 1, 2, 3);
    await redis.sadd("b", 2);
    assert.equal(await redis.sdiffstore("result", "a", "b"), 2);
    sameMembers(await redis.smembers("result"), [1, 3]);
  },

  async sinter(redis) {
    await redis.sadd("a", 1, 2, 3);
    await redis.sadd("b", 2, 3, 4);
    sameMembers(await redis.sinter("a", "b"), [2, 3]);
    assert.deepEqual(await redis.sinter("a", "missing"), []);
  },

  async sintercard(redis) {
    await redis.sadd("a", 1, 2, 3);
    await redis.sadd("b", 2, 3, 4);
    assert.equal(await redis.sintercard(["a", "b"]), 2);
    assert.equal(await redis.sintercard(["a", "b"], { limit: 1 }), 1);
  },

  async sinterstore(redis) {
    await redis.sadd("a", 1, 2, 3);
    await redis.sadd("b", 2, 3, 4);
    assert.equal(await redis.sinterstore("result", "a", "b"), 2);
    sameMembers(await redis.smembers("result"), [2, 3]);
  },

  async sismember(redis) {
    await redis.sadd("set", "a");
    assert.equal(await redis.sismember("set", "a"), 1);
    assert.equal(await redis.sismember("set", "b"), 0);
  },

  async smembers(redis) {
    await redis.sadd("set", "a", 1, { b: 2 });
    sameMembers(await redis.smembers("set"), ["a", 1, { b: 2 }]);
    assert.deepEqual(await redis.smembers("missing"), []);
  },

  async smismember(redis) {
    await redis.sadd("set", "a", "b");
    assert.deepEqual(await redis.smismember("set", ["a", "x", "b"]), [1, 0, 1]);
  },

  async smove(redis) {
    await redis.sadd("a", 1, 2);
    assert.equal(await redis.smove("a", "b", 1), 1);
    assert.equal(await redis.smove("a", "b", 1), 0);
    assert.deepEqual(await redis.smembers("b"), [1]);
  },

  async spop(redis) {
    await redis.sadd("set", "a", "b", "c");
    const first = await redis.spop("set");
    const rest = await redis.spop("set", 5);
    sameMembers([first, ...rest], ["a", "b", "c"]);
    assert.equal(await redis.spop("set"), null);
  },

  async srandmember(redis) {
    await redis.sadd("set", "a", "b");
    assert.ok(["a", "b"].includes(await redis.srandmember("set")));
    sameMembers(await redis.srandmember("set", 5), ["a", "b"]);
    assert.equal(await redis.scard("set"), 2);
    assert.equal(await redis.srandmember("missing"), null);
  },

  async srem(redis) {
    await redis.sadd("set", "a", "b", "c");
    assert.equal(await redis.srem("set", "a", "b", "missing"), 2);
    assert.deepEqual(await redis.smembers("set"), ["c"]);
  },

  async sscan(redis) {
    await redis.sadd("set", "a", "ab", 3);
    const [cursor, members] = await redis.sscan("set", 0);
    assert.equal(cursor, "0");
    sameMembers(members, ["a", "ab", 3]);
    assert.deepEqual(await redis.sscan("set", 0, { match: "?b", count: 100 }), ["0", ["ab"]]);
  },

  async sunion(redis) {
    await redis.sadd("a", 1, 2);
    await redis.sadd("b", 2, 3);
    sameMembers(await redis.sunion("a", "b"), [1, 2, 3]);
  },

  async sunionstore(redis) {
    await redis.sadd("a", 1, 2);
    await redis.sadd("b", 2, 3);
    assert.equal(await redis.sunionstore("result", "a", "b"), 3);
    sameMembers(await redis.smembers("result"), [1, 2, 3]);
  },
};

// Sorted sets.
import assert from "node:assert/strict";

const members = (...names) => names.map((member, i) => ({ score: i + 1, member }));

export const sortedSets = {
  async zadd(redis) {
    assert.equal(await redis.zadd("zset", ...members("a", "b")), 2);
    assert.equal(await redis.zadd("zset", { ch: true }, ...members("b", "a", "c")), 3);
    assert.equal(await redis.zadd("zset", { nx: true }, { score: 9, member: "a" }), 0);
    assert.equal(await redis.zadd("zset", { xx: true, ch: true }, ...members("x", "y")), 0);
    assert.equal(await redis.zadd("zset", { gt: true, ch: true }, { score: 1, member: "c" }), 0);
    assert.equal(await redis.zadd("zset", { lt: true, ch: true }, { score: 1, member: "c" }), 1);
    assert.equal(await redis.zadd("zset", { incr: true }, { score: 1.5, member: "c" }), 2.5);
    assert.equal(
      await redis.zadd("zset", { nx: true, incr: true }, { score: 1, member: "c" }),
      null,
    );
    const all = await redis.zrange("zset", 0, -1, { withScores: true });
    assert.deepEqual(all, ["b", 1, "a", 2, "c", 2.5]);
  },

  async zcard(redis) {
    await redis.zadd("zset", ...members("a", "b"));
    assert.equal(await redis.zcard("zset"), 2);
    assert.equal(await redis.zcard("missing"), 0);
  },

  async zcount(redis) {
    await redis.zadd("zset", ...members("a", "b", "c"));
    assert.equal(await redis.zcount("zset", "-inf", "+inf"), 3);
    assert.equal(await redis.zcount("zset", "(1", 2), 1);
  },

  async zdiffstore(redis) {
    await redis.zadd("a", ...members("a", "b", "c"));
    await redis.zadd("b", ...members("b"));
    assert.equal(await redis.zdiffstore("result", 2, "a", "b"), 2);
    const all = await redis.zrange("result", 0, -1, { withScores: true });
    assert.deepEqual(all, ["a", 1, "c", 3]);
  },

  async zincrby(redis) {
    assert.equal(await redis.zincrby("zset", 1.5, "a"), 1.5);
    assert.equal(await redis.zincrby("zset", -2, "a"), -0.5);
  },

  async zinterstore(redis) {
    await redis.zadd("a", ...members("a", "b"));
    await redis.zadd("b", ...members("x", "b"));
    assert.equal(await redis.zinterstore("result", 2, ["a", "b"]), 1);
    assert.equal(await redis.zscore("result", "b"), 4);
    const options = { weights: [2, 3], aggregate: "max" };
    assert.equal(await redis.zinterstore("result", 2, ["a", "b"], options), 1);
    assert.equal(await redis.zscore("result", "b"), 6);
  },

  async zlexcount(redis) {
    await redis.zadd("zset", ...["a", "b", "c"].map((member) => ({ score: 0, member })));
    assert.equal(await redis.zlexcount("zset", "-", "+"), 3);
    assert.equal(await redis.zlexcount("zset", "[b", "(c"), 1);
  },

  async zmscore(redis) {
    await redis.zadd("zset", { score: 1, member: "a" }, { score: 2.5, member: "b" });
    assert.deepEqual(await redis.zmscore("zset", ["a", "missing", "b"]), [1, null, 2.5]);
  },

  async zpopmax(redis) {
    await redis.zadd("zset", ...members("a", "b", "c"));
    assert.deepEqual(await redis.zpopmax("zset"), ["c", 3]);
    assert.deepEqual(await redis.zpopmax("zset", 5), ["b", 2, "a", 1]);
    assert.deepEqual(await redis.zpopmax("zset"), []);
  },

  async zpopmin(redis) {
    await redis.zadd("zset", ...members("a", "b", "c"));
    assert.deepEqual(await redis.zpopmin("zset"), ["a", 1]);
    assert.deepEqual(await redis.zpopmin("zset", 5), ["b", 2, "c", 3]);
    assert.deepEqual(await redis.zpopmin("zset"), []);
  },

  async zrange(redis) {
    await redis.zadd("zset", ...members("a", "b", "c", "d"));
    const range = (...args) => redis.zrange("zset", ...args);
    assert.deepEqual(await range(1, 2), ["b", "c"]);
    assert.deepEqual(await range(0, 1, { rev: true, withScores: true }), ["d", 4, "c", 3]);
    assert.deepEqual(await range("(1", 3, { byScore: true }), ["b", "c"]);
    const some = { byScore: true, rev: true, offset: 1, count: 2 };
    assert.deepEqual(await range("+inf", "-inf", some), ["c", "b"]);
    assert.deepEqual(await range(0, -1, { offset: 1, count: 2 }), ["b", "c"]);
    assert.deepEqual(await redis.zrange("missing", 0, -1), []);

    await redis.zadd("lex", ...["a", "b", "c"].map((member) => ({ score: 0, member })));
    assert.deepEqual(await redis.zrange("lex", "[a", "(c", { byLex: true }), ["a", "b"]);
  },

  async zrank(redis) {
    await redis.zadd("zset", ...members("a", "b", "c"));
    assert.equal(await redis.zrank("zset", "c"), 2);
    assert.equal(await redis.zrank("zset", "missing"), null);
  },

  async zrem(redis) {
    await redis.zadd("zset", ...members("a", "b", "c"));
    assert.equal(await redis.zrem("zset", "a", "b", "missing"), 2);
    assert.deepEqual(await redis.zrange("zset", 0, -1), ["c"]);
  },

  async zremrangebylex(redis) {
    await redis.zadd("zset", ...["a", "b", "c"].map((member) => ({ score: 0, member })));
    assert.equal(await redis.zremrangebylex("zset", "[a", "(c"), 2);
    assert.deepEqual(await redis.zrange("zset", 0, -1), ["c"]);
  },

  async zremrangebyrank(redis) {
    await redis.zadd("zset", ...members("a", "b", "c"));
    assert.equal(await redis.zremrangebyrank("zset", 0, 1), 2);
    assert.deepEqual(await redis.zrange("zset", 0, -1), ["c"]);
  },

  async zremrangebyscore(redis) {
    await redis.zadd("zset", ...members("a", "b", "c"));
    assert.equal(await redis.zremrangebyscore("zset", "-inf", "(3"), 2);
    assert.deepEqual(await redis.zrange("zset", 0, -1), ["c"]);
  },

  async zrevrank(redis) {
    await redis.zadd("zset", ...members("a", "b", "c"));
    assert.equal(await redis.zrevrank("zset", "a"), 2);
    assert.equal(await redis.zrevrank("zset", "missing"), null);
  },

  async zscan(redis) {
    await redis.zadd("zset", { score: 1, member: "a" }, { score: 2.5, member: "ab" });
    assert.deepEqual(await redis.zscan("zset", 0), ["0", ["a", 1, "ab", 2.5]]);
    const some = { match: "?b", count: 100 };
    assert.deepEqual(await redis.zscan("zset", 0, some), ["0", ["ab", 2.5]]);
  },

  async zscore(redis) {
    await redis.zadd("zset", { score: 2.5, member: { a: 1 } });
    assert.equal(await redis.zscore("zset", { a: 1 }), 2.5);
    assert.equal(await redis.zscore("zset", "missing"), null);
  },

  async zunion(redis) {
    await redis.zadd("a", ...members("a", "b"));
    await redis.zadd("b", ...members("b", "c"));
    assert.deepEqual(await redis.zunion(2, ["a", "b"]), ["a", "c", "b"]);
    const options = { weights: [10, 1], aggregate: "min", withScores: true };
    assert.deepEqual(await redis.zunion(2, ["a", "b"], options), ["b", 1, "c", 2, "a", 10]);
  },

  async zunionstore(redis) {
    await redis.zadd("a", ...members("a", "b"));
    await redis.zadd("b", ...members("b", "c"));
    assert.equal(await redis.zunionstore("result", 2, ["a", "b"], { weights: [10, 1] }), 3);
    const all = await redis.zrange("result", 0, -1, { withScores: true });
    assert.deepEqual(all, ["c", 2, "a", 10, "b", 21]);
  },
};

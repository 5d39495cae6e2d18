// Streams and their consumer groups.
import assert from "node:assert/strict";

import { within } from "./checks.js";

/** Adds entries 1-0, 2-0, … and a group that has not read any. */
async function filled(redis, entries) {
  await redis.xgroup("stream", {
    type: "CREATE",
    group: "group",
    id: "0",
    options: { MKSTREAM: true },
  });
  for (let n = 1; n <= entries; n++) await redis.xadd("stream", `${n}-0`, { n });
}

/** Reads all that is new for the group, as this consumer. */
const deliver = (redis, consumer, options) =>
  redis.xreadgroup("group", consumer, "stream", ">", options);

const pending = async (redis) =>
  (await redis.xpending("stream", "group", "-", "+", 100)).map(([id, consumer]) => [id, consumer]);

const left = async (redis) => Object.keys(await redis.xrange("stream", "-", "+"));

export const streams = {
  async xadd(redis) {
    assert.equal(await redis.xadd("stream", "1-0", { text: "👋", object: { a: 1 } }), "1-0");
    assert.match(await redis.xadd("stream", "*", { a: 1 }), /^\d+-\d+$/);
    assert.equal(await redis.xadd("missing", "*", { a: 1 }, { nomkStream: true }), null);
    const trim = { type: "MAXLEN", comparison: "=", threshold: 1 };
    const last = await redis.xadd("stream", "*", { a: 2 }, { trim });
    assert.deepEqual(await redis.xrange("stream", "-", "+"), { [last]: { a: 2 } });
    const minimum = { type: "MINID", comparison: "=", threshold: "99999999999999-0" };
    await redis.xadd("stream", "99999999999999-1", { a: 3 }, { trim: minimum });
    assert.deepEqual(await left(redis), ["99999999999999-1"]);
  },

  async xack(redis) {
    await filled(redis, 3);
    await deliver(redis, "consumer");
    assert.equal(await redis.xack("stream", "group", "1-0"), 1);
    assert.equal(await redis.xack("stream", "group", ["1-0", "2-0"]), 1);
    assert.deepEqual(await pending(redis), [["3-0", "consumer"]]);
  },

  async xackdel(redis) {
    await filled(redis, 4);
    await deliver(redis, "consumer");
    const acknowledge = (...args) => redis.xackdel("stream", "group", ...args);
    assert.deepEqual(await acknowledge("KEEPREF", "1-0", "9-0"), [1, -1]);
    assert.deepEqual(await acknowledge("delref", "2-0"), [1]);
    assert.deepEqual(await left(redis), ["3-0", "4-0"]);

    // Another group has not read it yet: acknowledged here, but not deleted.
    await redis.xgroup("stream", { type: "CREATE", group: "other", id: "0" });
    assert.deepEqual(await acknowledge("ACKED", "3-0"), [2]);
    assert.deepEqual(await pending(redis), [["4-0", "consumer"]]);
    assert.deepEqual(await left(redis), ["3-0", "4-0"]);
  },

  async xautoclaim(redis) {
    await filled(redis, 4);
    await deliver(redis, "first");
    await redis.xdel("stream", "2-0");
    const claim = (start, options) =>
      redis.xautoclaim("stream", "group", "second", 0, start, options);
    assert.deepEqual(await claim("0-0", { count: 1 }), ["2-0", [["1-0", ["n", 1]]], []]);
    assert.deepEqual(await claim("2-0"), [
      "0-0",
      [
        ["3-0", ["n", 3]],
        ["4-0", ["n", 4]],
      ],
      ["2-0"],
    ]);
    assert.deepEqual(await claim("0-0", { justId: true }), ["0-0", ["1-0", "3-0", "4-0"], []]);
    assert.deepEqual(await pending(redis), [
      ["1-0", "second"],
      ["3-0", "second"],
      ["4-0", "second"],
    ]);
  },

  async xclaim(redis) {
    await filled(redis, 3);
    await deliver(redis, "first");
    const claim = (...args) => redis.xclaim("stream", "group", "second", ...args);
    assert.deepEqual(await claim(0, "1-0"), [["1-0", ["n", 1]]]);
    assert.deepEqual(await claim(0, ["2-0", "9-0"], { justId: true }), ["2-0"]);
    assert.deepEqual(await claim(3_600_000, "3-0"), []);
    assert.deepEqual(await pending(redis), [
      ["1-0", "second"],
      ["2-0", "second"],
      ["3-0", "first"],
    ]);
    assert.deepEqual(await claim(0, "1-0", { retryCount: 7, force: true }), [["1-0", ["n", 1]]]);
    const [[, , idle, deliveries]] = await redis.xpending("stream", "group", "1-0", "1-0", 1);
    assert.equal(deliveries, 7);
    within(idle, 0, 600_000);
  },

  async xdel(redis) {
    await filled(redis, 4);
    assert.equal(await redis.xdel("stream", "1-0"), 1);
    assert.equal(await redis.xdel("stream", ["1-0", "2-0", "3-0"]), 2);
    assert.deepEqual(await left(redis), ["4-0"]);
  },

  async xdelex(redis) {
    await filled(redis, 4);
    await deliver(redis, "consumer");
    assert.deepEqual(await redis.xdelex("stream", undefined, "1-0", "9-0"), [1, -1]);
    assert.deepEqual(await redis.xdelex("stream", "keepref", "2-0"), [1]);
    assert.deepEqual(await redis.xdelex("stream", "DELREF", "3-0"), [1]);
    assert.deepEqual(await redis.xdelex("stream", "ACKED", "4-0"), [2]);
    assert.deepEqual(await left(redis), ["4-0"]);
    assert.deepEqual(
      (await pending(redis)).map(([id]) => id),
      ["1-0", "2-0", "4-0"],
    );
    await redis.xack("stream", "group", "4-0");
    assert.deepEqual(await redis.xdelex("stream", "ACKED", "4-0"), [1]);
    assert.deepEqual(await redis.xdelex("missing", undefined, "1-0"), [-1]);
  },

  async xgroup(redis) {
    const group = (options) => redis.xgroup("stream", { group: "group", ...options });
    const create = { type: "CREATE", id: "$", options: { MKSTREAM: true } };
    assert.equal(await group(create), "OK");
    await assert.rejects(group(create), /BUSYGROUP/);
    assert.equal(await group({ type: "CREATECONSUMER", consumer: "consumer" }), 1);
    assert.equal(await group({ type: "CREATECONSUMER", consumer: "consumer" }), 0);
    await redis.xadd("stream", "1-0", { a: 1 });
    await deliver(redis, "consumer");
    assert.equal(await group({ type: "DELCONSUMER", consumer: "consumer" }), 1);
    const rewind = { type: "SETID", id: "0", options: { ENTRIESREAD: 0 } };
    assert.equal(await group(rewind), "OK");
    assert.equal((await deliver(redis, "consumer"))[0][1].length, 1);
    assert.equal(await group({ type: "DESTROY" }), 1);
    assert.equal(await group({ type: "DESTROY" }), 0);
  },

  async xinfo(redis) {
    await filled(redis, 2);
    await deliver(redis, "consumer", { count: 1 });
    const flat = (pairs) =>
      Object.fromEntries(pairs.flatMap((name, i) => (i % 2 ? [] : [[name, pairs[i + 1]]])));
    const groups = await redis.xinfo("stream", { type: "GROUPS" });
    const expected = {
      name: "group",
      consumers: 1,
      pending: 1,
      "last-delivered-id": "1-0",
      "entries-read": 1,
      lag: 1,
    };
    assert.deepEqual(groups.map(flat), [expected]);

    const consumers = await redis.xinfo("stream", { type: "CONSUMERS", group: "group" });
    assert.equal(consumers.length, 1);
    const { name, pending } = flat(consumers[0]);
    assert.deepEqual({ name, pending }, { name: "consumer", pending: 1 });
  },

  async xlen(redis) {
    await filled(redis, 2);
    assert.equal(await redis.xlen("stream"), 2);
    assert.equal(await redis.xlen("missing"), 0);
  },

  async xpending(redis) {
    await filled(redis, 3);
    await deliver(redis, "first", { count: 1 });
    await deliver(redis, "second");
    const all = await redis.xpending("stream", "group", "-", "+", 10);
    assert.deepEqual(
      all.map(([id, consumer, , deliveries]) => [id, consumer, deliveries]),
      [
        ["1-0", "first", 1],
        ["2-0", "second", 1],
        ["3-0", "second", 1],
      ],
    );
    all.forEach(([, , idle]) => within(idle, 0, 600_000));
    const of = (options) => redis.xpending("stream", "group", "-", "+", 10, options);
    assert.deepEqual(
      (await of({ consumer: "first" })).map(([id]) => id),
      ["1-0"],
    );
    assert.deepEqual(await of({ idleTime: 3_600_000 }), []);
  },

  async xrange(redis) {
    assert.equal(await redis.xadd("stream", "1-0", { text: "a", object: { b: [1] } }), "1-0");
    assert.equal(await redis.xadd("stream", "2-0", { n: 2 }), "2-0");
    const first = { "1-0": { text: "a", object: { b: [1] } } };
    assert.deepEqual(await redis.xrange("stream", "-", "+"), { ...first, "2-0": { n: 2 } });
    assert.deepEqual(await redis.xrange("stream", "-", "+", 1), first);
    assert.deepEqual(await redis.xrange("stream", "(1-0", "+"), { "2-0": { n: 2 } });
    assert.deepEqual(await redis.xrange("missing", "-", "+"), {});
  },

  async xread(redis) {
    await filled(redis, 2);
    await redis.xadd("other", "5-0", { text: "x" });
    assert.deepEqual(await redis.xread("stream", "1-0"), [["stream", [["2-0", ["n", 2]]]]]);
    assert.deepEqual(await redis.xread(["stream", "other"], ["0", "0"], { count: 1 }), [
      ["stream", [["1-0", ["n", 1]]]],
      ["other", [["5-0", ["text", "x"]]]],
    ]);
    assert.equal(await redis.xread("stream", "2-0"), null);
  },

  async xreadgroup(redis) {
    await filled(redis, 3);
    assert.deepEqual(await deliver(redis, "consumer", { count: 1 }), [
      ["stream", [["1-0", ["n", 1]]]],
    ]);
    // Nothing stays pending, and the consumer is not remembered.
    const [[, entries]] = await deliver(redis, "fleeting", { NOACK: true });
    assert.equal(entries.length, 2);
    assert.equal(await deliver(redis, "consumer"), null);
    assert.deepEqual(await pending(redis), [["1-0", "consumer"]]);
    const consumers = await redis.xinfo("stream", { type: "CONSUMERS", group: "group" });
    assert.deepEqual(
      consumers.map((consumer) => consumer[1]),
      ["consumer"],
    );
    const again = await redis.xreadgroup("group", "consumer", ["stream"], ["0"]);
    assert.deepEqual(again, [["stream", [["1-0", ["n", 1]]]]]);
  },

  async xrevrange(redis) {
    await filled(redis, 3);
    assert.deepEqual(Object.entries(await redis.xrevrange("stream", "+", "2-0")), [
      ["3-0", { n: 3 }],
      ["2-0", { n: 2 }],
    ]);
    assert.deepEqual(await redis.xrevrange("stream", "+", "-", 1), { "3-0": { n: 3 } });
  },

  async xtrim(redis) {
    const fill = redis.pipeline();
    for (let n = 1; n <= 1000; n++) fill.xadd("stream", `${n}-0`, { n });
    await fill.exec();
    const trim = (options) => redis.xtrim("stream", options);
    within(await trim({ strategy: "MAXLEN", threshold: 30 }), 969, 971);
    within(await redis.xlen("stream"), 29, 31);
    await trim({ strategy: "MAXLEN", threshold: 10, exactness: "=" });
    assert.equal(await redis.xlen("stream"), 10);
    assert.equal(await trim({ strategy: "MINID", threshold: "999-0", exactness: "=" }), 8);
    assert.deepEqual(await left(redis), ["999-0", "1000-0"]);
  },
};

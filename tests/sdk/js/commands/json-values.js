// Single values in JSON documents: numbers, texts, booleans, objects' members.
import assert from "node:assert/strict";

import { sameMembers } from "./checks.js";

/** The same members with other values, one deeper than the other; that is answered first. */
const nested = (v, deeper) => ({ v, in: { v: deeper } });

export const jsonValues = {
  async "json.numincrby"(redis) {
    const add = (...args) => redis.json.numincrby("key", ...args);
    await redis.json.set("key", "$", { ...nested(1, 2), text: "x" });
    assert.deepEqual(await add("$.v", 9), [10]);
    assert.equal(await add(".v", 1), 11);
    assert.deepEqual(await add("$..v", -0.5), [1.5, 10.5]);
    assert.deepEqual(await add("$..v", 0.5), [2, 11]);
    assert.deepEqual(await add("$.text", 1), [null]);
    assert.deepEqual(await add("$.missing", 1), []);
    assert.deepEqual(await redis.json.get("key"), { ...nested(11, 2), text: "x" });
    await redis.json.set("key", "$", [{ v: "no" }, { v: 2 }, { v: null }, { v: 5 }]);
    sameMembers(await add("$..v", 2), [4, 7, null, null]);
  },

  async "json.nummultby"(redis) {
    const multiply = (...args) => redis.json.nummultby("key", ...args);
    await redis.json.set("key", "$", { ...nested(6, 4), text: "x" });
    assert.deepEqual(await multiply("$.v", -2), [-12]);
    assert.equal(await multiply("in.v", 7), 28);
    assert.deepEqual(await multiply("$..v", 0.25), [7, -3]);
    assert.deepEqual(await multiply("$.text", 2), [null]);
    assert.deepEqual(await multiply("$.missing", 2), []);
    assert.deepEqual(await redis.json.get("key"), { ...nested(-3, 7), text: "x" });
  },

  async "json.objkeys"(redis) {
    await redis.json.set("key", "$", nested([1], { a: 1, "ü b": 2 }));
    const [names, none, ...others] = await redis.json.objkeys("key", "$..v");
    sameMembers(names, ["a", "ü b"]);
    assert.equal(none, null);
    assert.deepEqual(others, []);
    sameMembers((await redis.json.objkeys("key", "$"))[0], ["v", "in"]);
    assert.deepEqual(await redis.json.objkeys("key", "$.missing"), []);
    await redis.json.set("key", "$", {});
    assert.deepEqual(await redis.json.objkeys("key", "$"), [[]]);
  },

  async "json.objlen"(redis) {
    await redis.json.set("key", "$", nested([1], { a: 1, b: { c: 2 } }));
    assert.deepEqual(await redis.json.objlen("key", "$..v"), [2, null]);
    assert.deepEqual(await redis.json.objlen("key", "$.missing"), []);
    assert.deepEqual(await redis.json.objlen("key", "$"), [2]);
    assert.equal(await redis.json.objlen("key"), 2);
  },

  async "json.strappend"(redis) {
    const append = (...args) => redis.json.strappend("key", ...args);
    await redis.json.set("key", "$", { ...nested("one", "three"), n: 31 });
    assert.deepEqual(await append("$.v", '"!"'), [4]);
    assert.deepEqual(await append("$..v", '" \\"x\\""'), [9, 8]);
    assert.deepEqual(await append("$.n", '"x"'), [null]);
    assert.deepEqual(await append("$.missing", '"x"'), []);
    const expected = { ...nested('one! "x"', 'three "x"'), n: 31 };
    assert.deepEqual(await redis.json.get("key"), expected);
    // The text is JSON: a bare one is none.
    await assert.rejects(append("$.v", "bare"), /ERR invalid JSON/);
    assert.deepEqual(await redis.json.get("key"), expected);
  },

  async "json.strlen"(redis) {
    await redis.json.set("key", "$", { ...nested("one", "three"), n: 31 });
    assert.deepEqual(await redis.json.strlen("key", "$.v"), [3]);
    assert.deepEqual(await redis.json.strlen("key", "$..v"), [5, 3]);
    assert.deepEqual(await redis.json.strlen("key", "$.n"), [null]);
    assert.deepEqual(await redis.json.strlen("key", "$.missing"), []);
    await redis.json.set("text", "$", '"abc"');
    assert.equal(await redis.json.strlen("text"), 3);
  },

  async "json.toggle"(redis) {
    await redis.json.set("key", "$", { ...nested(true, false), n: 1 });
    assert.deepEqual(await redis.json.toggle("key", "$.v"), [0]);
    assert.deepEqual(await redis.json.get("key", "$.v"), [false]);
    assert.deepEqual(await redis.json.toggle("key", "$.v"), [1]);
    assert.deepEqual(await redis.json.toggle("key", "$..v"), [1, 0]);
    assert.deepEqual(await redis.json.toggle("key", "$.n"), [null]);
    assert.deepEqual(await redis.json.toggle("key", "$.missing"), []);
    assert.deepEqual(await redis.json.get("key"), { ...nested(false, true), n: 1 });
  },
};

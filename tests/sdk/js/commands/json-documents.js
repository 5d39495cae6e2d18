// JSON documents and their parts. What lies deeper is answered first: with `$..n`, the inner one's.
import assert from "node:assert/strict";

const outer = { n: 1, text: "OK", inner: { n: 2, list: [1, "two", null] } };

/** A case for JSON.DEL, or for its other name. */
const deletes = (name) =>
  async function (redis) {
    const remove = (...args) => redis.json[name](...args);
    await redis.json.set("key", "$", outer);
    assert.equal(await remove("key", "$..n"), 2);
    assert.equal(await remove("key", "$.missing"), 0);
    assert.equal(await remove("key", "$.inner.list[0]"), 1);
    assert.equal(await remove("key", ".text"), 1);
    assert.deepEqual(await redis.json.get("key"), { inner: { list: ["two", null] } });
    assert.equal(await remove("key"), 1);
    assert.equal(await redis.exists("key"), 0);
    await redis.json.set("key", "$", outer);
    assert.equal(await remove("key", "$"), 1);
    assert.equal(await redis.exists("key"), 0);
    assert.equal(await remove("key"), 0);
    assert.equal(await remove("key", "$.n"), 0);
  };

export const jsonDocuments = {
  async "json.clear"(redis) {
    const things = { object: { a: 1 }, list: [1], text: "x", yes: true, int: 42, float: 3.14 };
    await redis.json.set("key", "$", things);
    assert.equal(await redis.json.clear("key", "$.missing"), 0);
    assert.equal(await redis.json.clear("key", "$.*"), 4);
    const cleared = { object: {}, list: [], text: "x", yes: true, int: 0, float: 0 };
    assert.deepEqual(await redis.json.get("key"), cleared);
    assert.equal(await redis.json.clear("key", "$.text"), 0);
    assert.equal(await redis.json.clear("key"), 1);
    assert.deepEqual(await redis.json.get("key"), {});
  },

  "json.del": deletes("del"),

  "json.forget": deletes("forget"),

  async "json.get"(redis) {
    await redis.json.set("key", "$", outer);
    const get = (...args) => redis.json.get("key", ...args);
    assert.deepEqual(await get(), outer);
    assert.deepEqual(await get("$"), [outer]);
    assert.deepEqual(await get("$.inner"), [outer.inner]);
    assert.deepEqual(await get("$..n"), [2, 1]);
    assert.deepEqual(await get("$.inner.list[-1]", "$..n"), {
      "$.inner.list[-1]": [null],
      "$..n": [2, 1],
    });
    assert.deepEqual(await get("$.inner.list[0,1]"), [1, "two"]);
    assert.deepEqual(await get("$.inner.list[1:]"), ["two", null]);
    assert.deepEqual(await get("$..[?(@.n>1)].n"), [2]);
    assert.deepEqual(await get("$.missing"), []);
    // Paths without a dollar mean one value.
    assert.equal(await get(".text"), "OK");
    assert.deepEqual(await get("inner.list"), [1, "two", null]);
    assert.deepEqual(await get(".n", "inner.n"), { ".n": 1, "inner.n": 2 });
    await assert.rejects(get(".missing"), /ERR Path '.missing' does not exist/);
    assert.equal(await redis.json.get("missing"), null);
    assert.equal(await redis.json.get("missing", "$.n"), null);
    const layout = { indent: "\t", newline: "\n", space: " " };
    assert.deepEqual(await get(layout), outer);
    assert.deepEqual(await get(layout, "$.inner", "$.text"), {
      "$.inner": [outer.inner],
      "$.text": ["OK"],
    });
  },

  async "json.merge"(redis) {
    await redis.json.set("key", "$", outer);
    const merge = (...args) => redis.json.merge("key", ...args);
    assert.equal(await merge("$.n", 8), "OK");
    assert.equal(await merge("$.new", { deep: [1], no: null }), "OK");
    assert.deepEqual(await redis.json.get("key"), { ...outer, n: 8, new: { deep: [1] } });
    assert.equal(await merge("$", { text: null, inner: { n: 3 }, new: "x", more: 1 }), "OK");
    assert.deepEqual(await redis.json.get("key"), {
      n: 8,
      inner: { n: 3, list: [1, "two", null] },
      new: "x",
      more: 1,
    });
    assert.equal(await merge("$.inner.list", '["whole"]'), "OK");
    assert.equal(await merge("$..n", '{"object": true}'), "OK");
    // The value's own patch, not its parent's: null takes its place (RFC 7396).
    assert.equal(await merge("$.new", null), "OK");
    const object = { object: true };
    assert.deepEqual(await redis.json.get("key"), {
      n: object,
      inner: { n: object, list: ["whole"] },
      new: null,
      more: 1,
    });
    await assert.rejects(merge("$.missing.child", 1), /ERR /);

    assert.equal(await redis.json.merge("other", "$", { a: { b: null } }), "OK");
    assert.deepEqual(await redis.json.get("other"), { a: {} });
    await assert.rejects(redis.json.merge("third", "$.a", 1), /ERR .*created at the root/);
    assert.equal(await redis.exists("third"), 0);
  },

  async "json.mget"(redis) {
    await redis.json.set("a", "$", { n: 1, in: { n: 2 } });
    await redis.json.set("b", "$", { n: { x: 3 }, in: { n: "four" } });
    assert.deepEqual(await redis.json.mget(["a", "b", "missing"], "$..n"), [
      [2, 1],
      ["four", { x: 3 }],
      null,
    ]);
    assert.deepEqual(await redis.json.mget(["b"], "$.n.x"), [[3]]);
    assert.deepEqual(await redis.json.mget(["a", "b"], "$.missing"), [[], []]);
    assert.deepEqual(await redis.json.mget(["b", "a"], ".n.x"), [3, null]);
  },

  async "json.mset"(redis) {
    const set = (...triples) =>
      redis.json.mset(...triples.map(([key, path, value]) => ({ key, path, value })));
    assert.equal(await set(["a", "$", { n: 1, in: { n: 2 } }], ["b", "$", [1]]), "OK");
    assert.equal(await set(["a", "$..n", '"text"'], ["b", "$[0]", true], ["c", "$", 3]), "OK");
    const expected = [[{ n: "text", in: { n: "text" } }], [[true]], [3]];
    assert.deepEqual(await redis.json.mget(["a", "b", "c"], "$"), expected);
    // All or nothing.
    await assert.rejects(set(["a", "$", 0], ["b", "$.x.y", 0]), /ERR /);
    await assert.rejects(set(["a", "$", 0], ["d", "$.x", 0]), /ERR .*created at the root/);
    await assert.rejects(set(["a", "$", 0], ["b", "$", "{"]), /ERR invalid JSON/);
    assert.deepEqual(await redis.json.mget(["a", "b", "c"], "$"), expected);
    assert.equal(await redis.exists("d"), 0);
  },

  async "json.resp"(redis) {
    await redis.json.set("key", "$", { ...outer, yes: true, float: 1.5 });
    const list = ["[", 1, "two", null];
    const all = ["{", "n", 1, "text", "OK", "inner", ["{", "n", 2, "list", list]];
    all.push("yes", true, "float", 1.5);
    assert.deepEqual(await redis.json.resp("key"), all);
    assert.deepEqual(await redis.json.resp("key", "$"), [all]);
    assert.deepEqual(await redis.json.resp("key", "$.inner.list"), [list]);
    assert.deepEqual(await redis.json.resp("key", "$..n"), [2, 1]);
    assert.equal(await redis.json.resp("key", ".text"), "OK");
    assert.equal(await redis.json.resp("missing"), null);
  },

  async "json.set"(redis) {
    const set = (...args) => redis.json.set("key", ...args);
    await assert.rejects(set("$.n", 1), /ERR .*created at the root/);
    assert.equal(await set("$", outer, { xx: true }), null);
    assert.equal(await redis.exists("key"), 0);
    assert.equal(await set("$", outer, { nx: true }), "OK");
    assert.equal(await set("$", {}, { nx: true }), null);
    assert.equal(await set("$.n", 5, { nx: true }), null);
    assert.equal(await set("$.new", 5, { xx: true }), null);
    assert.deepEqual(await redis.json.get("key"), outer);
    assert.equal(await set("$.new", 5, { nx: true }), "OK");
    assert.equal(await set("$.new", '"text"', { xx: true }), "OK");
    assert.equal(await set("$..n", 3), "OK");
    assert.equal(await set("$.inner.list[1]", [false, 1.5]), "OK");
    assert.equal(await set("$.inner.list[3]", { last: "👋" }), "OK");
    assert.equal(await set(".inner.yes", true), "OK");
    assert.equal(await set("$.inner.no", null), "OK");
    assert.deepEqual(await redis.json.get("key"), {
      n: 3,
      text: "OK",
      inner: { n: 3, list: [1, [false, 1.5], null, { last: "👋" }], yes: true, no: null },
      new: "text",
    });
    await assert.rejects(set("$.missing.child", 1), /ERR /);
    assert.equal(await set("$", "[1, 2]"), "OK");
    assert.deepEqual(await redis.json.get("key"), [1, 2]);
  },

  async "json.type"(redis) {
    const things = { object: {}, list: [], text: "", int: 1, float: 1.5, yes: true, no: null };
    await redis.json.set("key", "$", things);
    const types = ["object", "array", "string", "integer", "number", "boolean"];
    for (const [at, name] of Object.keys(things).entries()) {
      // The client takes the name "null" for JSON.
      assert.deepEqual(await redis.json.type("key", `$.${name}`), [types[at] ?? null]);
    }
    assert.equal(await redis.json.type("key"), "object");
    assert.deepEqual(await redis.json.type("key", "$"), ["object"]);
    assert.deepEqual(await redis.json.type("key", "$.missing"), []);
    assert.equal(await redis.json.type("missing"), null);
    await redis.json.set("key", "$.object", { int: "now a text" });
    assert.deepEqual(await redis.json.type("key", "$..int"), ["string", "integer"]);
  },
};

// Arrays in JSON documents. What lies deeper is answered first: with `$..list`, the room's.
import assert from "node:assert/strict";

const house = (list, deeper) => ({ list, door: "open", room: { list: deeper } });

export const jsonArrays = {
  async "json.arrappend"(redis) {
    await redis.json.set("house", "$", house(["bed"], ["desk", "lamp"]));
    assert.deepEqual(await redis.json.arrappend("house", "$.list", '"chair"'), [2]);
    assert.deepEqual(
      await redis.json.arrappend("house", "$..list", 1.5, true, { a: null }),
      [5, 5],
    );
    assert.deepEqual(await redis.json.arrappend("house", "$.room.list", ["in", "one"]), [6]);
    assert.deepEqual(await redis.json.arrappend("house", "$.door", 1), [null]);
    assert.deepEqual(await redis.json.get("house", "$..list"), [
      ["desk", "lamp", 1.5, true, { a: null }, ["in", "one"]],
      ["bed", "chair", 1.5, true, { a: null }],
    ]);
    assert.deepEqual(await redis.json.arrappend("house", "$.garden", 1), []);
  },

  async "json.arrindex"(redis) {
    const list = [1, "1", ["x"], 1.5, { y: 1 }, null, 1];
    await redis.json.set("house", "$", house(list, [7, 1]));
    const index = (...args) => redis.json.arrindex("house", ...args);
    for (const [at, value] of [1, '"1"', ["x"], 1.5, { y: 1 }, null].entries()) {
      assert.deepEqual(await index("$.list", value), [at]);
    }
    assert.deepEqual(await index("$..list", 1), [1, 0]);
    assert.deepEqual(await index("$.list", 2), [-1]);
    assert.deepEqual(await index("$.door", 1), [null]);
    assert.deepEqual(await index("$.list", 1, 1), [6]);
    assert.deepEqual(await index("$.list", 1, -2), [6]);
    // The end is not searched itself, and 0 is that of the array.
    assert.deepEqual(await index("$.list", 1, 1, 6), [-1]);
    assert.deepEqual(await index("$.list", 1, 1, -1), [-1]);
    assert.deepEqual(await index("$.list", 1, 1, 0), [6]);
  },

  async "json.arrinsert"(redis) {
    await redis.json.set("house", "$", house(["bed"], ["desk", "lamp"]));
    assert.deepEqual(await redis.json.arrinsert("house", "$.list", 0, '"first"'), [2]);
    assert.deepEqual(await redis.json.arrinsert("house", "$.list", -1, 1, 2), [4]);
    assert.deepEqual(await redis.json.arrinsert("house", "$.list", 4, '"last"'), [5]);
    assert.deepEqual(await redis.json.arrinsert("house", "$..list", 1, [true]), [3, 6]);
    assert.deepEqual(await redis.json.arrinsert("house", "$.door", 0, 1), [null]);
    const expected = [
      ["desk", [true], "lamp"],
      ["first", [true], 1, 2, "bed", "last"],
    ];
    assert.deepEqual(await redis.json.get("house", "$..list"), expected);
    // Out of one of both: then none is changed.
    await assert.rejects(redis.json.arrinsert("house", "$..list", 4, 0), /ERR .*out of bounds/);
    await assert.rejects(redis.json.arrinsert("house", "$..list", -4, 0), /ERR .*out of bounds/);
    assert.deepEqual(await redis.json.get("house", "$..list"), expected);
  },

  async "json.arrlen"(redis) {
    await redis.json.set("house", "$", house(["bed"], ["desk", "lamp"]));
    assert.deepEqual(await redis.json.arrlen("house", "$.list"), [1]);
    assert.deepEqual(await redis.json.arrlen("house", "$..list"), [2, 1]);
    assert.deepEqual(await redis.json.arrlen("house", "$.door"), [null]);
    assert.deepEqual(await redis.json.arrlen("house", "$.garden"), []);
    assert.deepEqual(await redis.json.arrlen("house"), [null]);
    await redis.json.set("list", "$", [1, [2, 3], []]);
    assert.deepEqual(await redis.json.arrlen("list"), [3]);
  },

  async "json.arrpop"(redis) {
    await redis.json.set("house", "$", house([1, "two", { n: 3 }, [4], 5], [6, 7]));
    const pop = (...args) => redis.json.arrpop("house", ...args);
    assert.deepEqual(await pop("$.list"), [5]);
    assert.deepEqual(await pop("$.list", 0), [1]);
    assert.deepEqual(await pop("$.list", -2), [{ n: 3 }]);
    assert.deepEqual(await pop("$..list", 100), [7, [4]]);
    assert.deepEqual(await pop("$..list", -100), [6, "two"]);
    assert.deepEqual(await pop("$..list"), [null, null]);
    assert.deepEqual(await pop("$.door"), [null]);
    assert.deepEqual(await redis.json.get("house"), house([], []));
  },

  async "json.arrtrim"(redis) {
    const trimmed = async (...range) => {
      await redis.json.set("house", "$", house([1, 2, 3, 4], [5, 6, 7]));
      const lengths = await redis.json.arrtrim("house", "$..list", ...range);
      const lists = await redis.json.get("house", "$..list");
      assert.deepEqual(
        lengths,
        lists.map(({ length }) => length),
      );
      return lists;
    };
    assert.deepEqual(await trimmed(1, 2), [
      [6, 7],
      [2, 3],
    ]);
    assert.deepEqual(await trimmed(-2, -1), [
      [6, 7],
      [3, 4],
    ]);
    assert.deepEqual(await trimmed(3, 100), [[], [4]]);
    assert.deepEqual(await trimmed(-100, 0), [[5], [1]]);
    assert.deepEqual(await trimmed(2, 1), [[], []]);
    // What the client sends when it is given no range.
    assert.deepEqual(await trimmed(), [[5], [1]]);
    assert.deepEqual(await redis.json.arrtrim("house", "$.door", 0, 0), [null]);
  },
};

// JSON documents as keys among others, in scripts and batches, and what is refused;
// methods.test.js has each method by itself.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { errors } from "@upstash/redis";

import { within } from "./commands/checks.js";
import { connect, requestsOf } from "./pkv.js";

let redis;
beforeEach(async () => {
  redis = connect();
  await redis.flushdb();
});

/** Fails unless every command is refused with an error like this. */
async function allRefused(error, commands) {
  for (const { status, reason } of await Promise.allSettled(commands)) {
    assert.equal(status, "rejected");
    assert.match(reason.message, error);
  }
}

test("a document reads back as it was set", async () => {
  const document = {
    "👋 with.dots and 'quotes\"": ["👩‍👩‍👧‍👦", "\u0000\n\\/\u2028", ""],
    numbers: [0, -1, 1.5, 1e300, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER],
    empty: [{}, [], [[]], null],
    booleans: { true: true, false: false },
  };
  await redis.json.set("🗝️", "$", document);
  assert.deepEqual(await redis.json.get("🗝️"), document);
  assert.deepEqual(await redis.json.get("🗝️", `$["👋 with.dots and 'quotes\\""][0]`), ["👩‍👩‍👧‍👦"]);
  assert.equal(await redis.json.set("copy", "$", await redis.json.get("🗝️")), "OK");
  assert.deepEqual(await redis.json.mget(["🗝️", "copy"], "$"), [[document], [document]]);
});

test("JSON.GET lays its text out as it is told", async () => {
  const raw = connect({ automaticDeserialization: false });
  await redis.json.set("key", "$", { a: [1, {}], b: "x" });
  assert.equal(await raw.json.get("key"), '{"a":[1,{}],"b":"x"}');
  const layout = { indent: "\t", newline: "\n", space: " " };
  assert.equal(
    await raw.json.get("key", layout),
    '{\n\t"a": [\n\t\t1,\n\t\t{}\n\t],\n\t"b": "x"\n}',
  );
  assert.equal(await raw.json.get("key", { space: "  " }, "$.a"), "[[1,{}]]");
});

test("a document expires, and keeps its expiry when it changes", async () => {
  await redis.json.set("key", "$", { n: 1 });
  assert.equal(await redis.ttl("key"), -1);
  assert.equal(await redis.expire("key", 100), 1);
  await redis.json.numincrby("key", "$.n", 1);
  await redis.json.set("key", "$.more", [1]);
  within(await redis.ttl("key"), 1, 100);
  assert.equal(await redis.persist("key"), 1);
  assert.equal(await redis.ttl("key"), -1);
  assert.deepEqual(await redis.json.get("key"), { n: 2, more: [1] });
  assert.equal(await redis.expire("key", -1), 1);
  assert.equal(await redis.json.get("key"), null);
});

test("a document keeps its contents under another name", async () => {
  await redis.json.set("a", "$", { n: 1 });
  await redis.set("b", "in the way");
  assert.equal(await redis.renamenx("a", "b"), 0);
  assert.equal(await redis.rename("a", "b"), "OK");
  assert.equal(await redis.json.get("a"), null);
  assert.deepEqual(await redis.json.get("b"), { n: 1 });
  assert.equal(await redis.type("b"), "json");
});

test("a copy of a document is a document of its own", async () => {
  await redis.json.set("a", "$", { list: [1] });
  await redis.set("taken", "in the way");
  assert.equal(await redis.copy("a", "b"), "COPIED");
  assert.equal(await redis.copy("a", "taken"), "NOT_COPIED");
  assert.equal(await redis.copy("a", "taken", { replace: true }), "COPIED");
  await redis.json.arrappend("a", "$.list", 2);
  await redis.json.set("b", "$.list[0]", "3");
  await redis.del("a");
  assert.deepEqual(await redis.json.mget(["a", "b", "taken"], "$.list"), [null, [[3]], [[1]]]);
});

test("SCAN finds every document, and says which keys are some", async () => {
  const names = (kind) => Array.from({ length: 150 }, (_, i) => `${kind}:${i}`);
  const documents = names("json");
  await redis.json.mset(...documents.map((key) => ({ key, path: "$", value: { key } })));
  await redis.mset(Object.fromEntries(names("string").map((key) => [key, 1])));

  const scanned = async (options) => {
    const found = [];
    let cursor = "0";
    do {
      const [next, some] = await redis.scan(cursor, { count: 50, ...options });
      found.push(...some);
      cursor = next;
    } while (cursor !== "0");
    return found;
  };
  assert.deepEqual(new Set(await scanned({ type: "json" })), new Set(documents));
  const typed = new Map((await scanned({ withType: true })).map(({ key, type }) => [key, type]));
  assert.equal(typed.size, 300);
  for (const [key, type] of typed) assert.equal(type, key.split(":")[0]);
});

test("a script reads and writes documents", async () => {
  const script = `
    redis.call('JSON.SET', KEYS[1], '$', ARGV[1])
    local sum = redis.call('JSON.NUMINCRBY', KEYS[1], '$.n', ARGV[2])
    local lengths = redis.call('JSON.ARRAPPEND', KEYS[1], '$.list', '2', '3')
    local missing = redis.call('JSON.GET', KEYS[2])
    return {sum, lengths, redis.call('JSON.TYPE', KEYS[1], '$.none'), missing == false}`;
  const result = await redis.eval(script, ["key", "missing"], [{ n: 1, list: [1] }, 41]);
  assert.deepEqual(result, [[42], [3], [], 1]);
  assert.deepEqual(await redis.json.get("key"), { n: 42, list: [1, 2, 3] });

  const failing = "return redis.call('JSON.SET', KEYS[1], '$.list', '[')";
  await assert.rejects(redis.eval(failing, ["key"], []), /ERR invalid JSON/);
  const caught = "return redis.pcall('JSON.GET', KEYS[1], '$[').err";
  assert.match(await redis.eval(caught, ["key"], []), /^ERR invalid JSON path/);
});

test("a read-only script reads documents and writes none", async () => {
  await redis.json.set("key", "$", { n: 1 });
  const reading = "return redis.call('JSON.GET', KEYS[1], '$.n')";
  assert.deepEqual(await redis.evalRo(reading, ["key"], []), [1]);
  const writing = "return redis.call('JSON.DEL', KEYS[1])";
  const readOnly = /commands are not allowed from read-only/;
  await assert.rejects(redis.evalRo(writing, ["key"], []), readOnly);
  assert.deepEqual(await redis.json.get("key"), { n: 1 });
});

test("a transaction's results are in order", async () => {
  const transaction = redis.multi();
  transaction.json.set("key", "$", { n: 1, list: [1, "two"] });
  transaction.json.numincrby("key", "$.n", 1);
  transaction.set("text", "x").json.arrpop("key", "$.list");
  transaction.json.get("key").type("key");
  const results = ["OK", [2], "OK", ["two"], { n: 2, list: [1] }, "json"];
  assert.deepEqual(await transaction.exec(), results);
});

test("a command that fails in a batch does not undo the others", async () => {
  for (const kind of ["pipeline", "multi"]) {
    await redis.set("text", "abc");
    const batch = redis[kind]();
    batch.json.set("key", "$", { n: 1 });
    batch.json.set("text", "$", 1);
    batch.json.get("key", "$[");
    batch.json.set("key", "$.n", "{");
    batch.json.numincrby("key", "$.n", 1);
    const replies = await batch.exec({ keepErrors: true });
    assert.deepEqual(
      replies.map(({ result }) => result),
      ["OK", undefined, undefined, undefined, [2]],
    );
    const texts = replies.map(({ error }) => /^WRONGTYPE|^ERR invalid JSON(?: path)?/.exec(error));
    assert.deepEqual(
      texts.map((text) => text?.[0]),
      [undefined, "WRONGTYPE", "ERR invalid JSON path", "ERR invalid JSON", undefined],
    );
  }
});

test("a transaction with an impossible command changes nothing", async () => {
  const transaction = redis.multi();
  transaction.json.set("key", "$", 1);
  transaction.json.toggle("key"); // too few arguments
  await assert.rejects(
    transaction.exec(),
    /ERR wrong number of arguments for 'json.toggle' command/,
  );
  assert.equal(await redis.json.get("key"), null);
});

test("concurrent commands share a request and each gets its own result", async () => {
  const keys = Array.from({ length: 100 }, (_, i) => `key:${i}`);
  const requests = await requestsOf(async () => {
    await Promise.all(keys.map((key) => redis.json.set(key, "$", { key })));
    const documents = await Promise.all(keys.map((key) => redis.json.get(key)));
    assert.deepEqual(
      documents,
      keys.map((key) => ({ key })),
    );
  });
  assert.deepEqual(
    requests.map(({ path }) => path),
    ["/pipeline", "/pipeline"],
  );
});

test("a path that is none is refused, and where it goes wrong is said", async () => {
  await redis.json.set("key", "$", { n: 1 });
  const single = connect({ enableAutoPipelining: false });
  await assert.rejects(single.json.get("key", "$.n["), (error) => {
    assert.ok(error instanceof errors.UpstashError);
    assert.match(error.message, /^ERR invalid JSON path at character 5: /);
    return true;
  });
  for (const path of ["$[", "$..", "$.n[?(", "$['n'", "$.n[1:2:0:3]", ""]) {
    await assert.rejects(redis.json.set("key", path, 2), /ERR invalid JSON path/, path);
  }
  await assert.rejects(redis.json.mget(["key", "missing"], "$["), /ERR invalid JSON path/);
  await assert.rejects(redis.json.get("missing", "$["), /ERR invalid JSON path/);
  assert.deepEqual(await redis.json.get("key"), { n: 1 });
});

test("what is no JSON is refused, and where it goes wrong is said", async () => {
  await redis.json.set("key", "$", { n: 1, list: [], text: "" });
  const single = connect({ enableAutoPipelining: false });
  await assert.rejects(
    single.json.set("key", "$.n", '{"a": nothing}'),
    /^UpstashError: ERR invalid JSON: .* at line 1 column 8\b/,
  );
  for (const text of ["", "{", "[1,]", "{'a':1}", "text", '"text', "1 2", "NaN", "01"]) {
    const refused = (change) => assert.rejects(change, /ERR invalid JSON/, text);
    await refused(redis.json.set("key", "$", text));
    await refused(redis.json.set("new", "$", text));
    await refused(redis.json.mset({ key: "new", path: "$", value: text }));
    await refused(redis.json.merge("key", "$", text));
    await refused(redis.json.arrappend("key", "$.list", 1, text));
    await refused(redis.json.arrinsert("key", "$.list", 0, text));
    await refused(redis.json.strappend("key", "$.text", text));
  }
  assert.deepEqual(await redis.json.get("key"), { n: 1, list: [], text: "" });
  assert.equal(await redis.exists("new"), 0);
});

test("a key that holds something else is left alone", async () => {
  const wrongType = /WRONGTYPE Operation against a key holding the wrong kind of value/;
  await redis.set("text", '{"n": 1}');
  await redis.rpush("list", 1);
  for (const key of ["text", "list"]) {
    await allRefused(wrongType, [
      redis.json.get(key),
      redis.json.set(key, "$", 1),
      redis.json.set(key, "$.n", 1, { nx: true }),
      redis.json.merge(key, "$", { n: 2 }),
      redis.json.mset({ key: "new", path: "$", value: 1 }, { key, path: "$", value: 1 }),
      redis.json.numincrby(key, "$.n", 1),
      redis.json.arrappend(key, "$", 1),
      redis.json.del(key),
      redis.json.clear(key),
      redis.json.type(key, "$"),
    ]);
  }
  assert.deepEqual(await redis.get("text"), { n: 1 });
  assert.deepEqual(await redis.lrange("list", 0, -1), [1]);
  assert.equal(await redis.exists("new"), 0);

  await redis.json.set("key", "$", { n: 1 });
  await allRefused(wrongType, [
    redis.get("key"),
    redis.append("key", "x"),
    redis.incr("key"),
    redis.hget("key", "n"),
    redis.lpush("key", 1),
    redis.sadd("key", 1),
    redis.setrange("key", 0, "x"),
  ]);
  assert.deepEqual(await redis.json.get("key"), { n: 1 });
  assert.equal(await redis.set("key", "other"), "OK");
  assert.equal(await redis.type("key"), "string");
});

test("what changes a part of a document needs one", async () => {
  await allRefused(/ERR could not perform this operation on a key that doesn't exist/, [
    redis.json.numincrby("missing", "$", 1),
    redis.json.nummultby("missing", "$", 1),
    redis.json.arrappend("missing", "$", 1),
    redis.json.arrinsert("missing", "$", 0, 1),
    redis.json.arrpop("missing", "$"),
    redis.json.arrtrim("missing", "$", 0, 1),
    redis.json.strappend("missing", "$", '"x"'),
    redis.json.toggle("missing", "$"),
    redis.json.clear("missing", "$"),
  ]);
  assert.equal(await redis.dbsize(), 0);
});

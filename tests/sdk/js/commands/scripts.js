// Lua: scripts and functions.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";

const digest = (script) => createHash("sha1").update(script).digest("hex");

// Scripts live as long as the server: each case has texts of its own.
let texts = 0;
const unique = (script) => `${script} -- ${++texts}`;

const readOnly = /commands are not allowed from read-only/;

export const scripts = {
  async createScript(redis) {
    const text = unique("return {KEYS[1], ARGV[1]}");
    const script = redis.createScript(text);
    assert.deepEqual(await script.exec(["key"], ["first"]), ["key", "first"]);
    assert.deepEqual(await script.evalsha(["key"], ["second"]), ["key", "second"]);
    assert.deepEqual(await script.eval(["key"], ["third"]), ["key", "third"]);

    const reading = redis.createScript(unique("return redis.call('GET', KEYS[1])"), {
      readonly: true,
    });
    await redis.set("key", { a: 1 });
    assert.deepEqual(await reading.exec(["key"], []), { a: 1 });
    assert.deepEqual(await reading.evalshaRo(["key"], []), { a: 1 });
    assert.deepEqual(await reading.evalRo(["key"], []), { a: 1 });
    const writing = redis.createScript(unique("return redis.call('DEL', KEYS[1])"), {
      readonly: true,
    });
    await assert.rejects(writing.exec(["key"], []), readOnly);
    assert.deepEqual(await redis.get("key"), { a: 1 });
  },

  async eval(redis) {
    const text = "return {KEYS[1], ARGV[1], ARGV[2], {1, {'deep'}}, false, 3.99}";
    const result = await redis.eval(text, ["key"], ["👋", { a: 1 }]);
    assert.deepEqual(result, ["key", "👋", { a: 1 }, [1, ["deep"]], null, 3]);
    assert.equal(await redis.eval("return redis.call('SET', KEYS[1], 'x')", ["key"], []), "OK");
    const locking = "#!lua flags=allow-key-locking\nreturn redis.call('GET', KEYS[1])";
    assert.equal(await redis.eval(locking, ["key"], []), "x");
    await assert.rejects(redis.eval("return redis.error_reply('MY own')", [], []), /MY own/);
  },

  async evalRo(redis) {
    await redis.set("key", { a: 1 });
    assert.deepEqual(await redis.evalRo("return redis.call('GET', KEYS[1])", ["key"], []), {
      a: 1,
    });
    const writing = "return redis.call('DEL', KEYS[1])";
    await assert.rejects(redis.evalRo(writing, ["key"], []), readOnly);
    assert.equal(await redis.exists("key"), 1);
  },

  async evalsha(redis) {
    const text = unique("return {KEYS[1], ARGV[1]}");
    const missing = /NOSCRIPT No matching script\. Please use EVAL\./;
    await assert.rejects(redis.evalsha(digest(text), ["key"], ["x"]), missing);
    await redis.eval(text, ["key"], ["first"]);
    assert.deepEqual(await redis.evalsha(digest(text), ["key"], ["x"]), ["key", "x"]);
  },

  async evalshaRo(redis) {
    const reading = unique("return redis.call('GET', KEYS[1])");
    const writing = unique("return redis.call('DEL', KEYS[1])");
    await redis.scriptLoad(reading);
    await redis.scriptLoad(writing);
    await redis.set("key", "value");
    assert.equal(await redis.evalshaRo(digest(reading), ["key"], []), "value");
    await assert.rejects(redis.evalshaRo(digest(writing), ["key"], []), readOnly);
    assert.equal(await redis.exists("key"), 1);
  },

  async scriptExists(redis) {
    const plain = unique("return 1");
    const locking = `#!lua flags=allow-key-locking\n${unique("return 2")}`;
    const unknown = digest(unique("return 3"));
    await redis.eval(plain, [], []);
    await redis.eval(locking, [], []);
    assert.deepEqual(await redis.scriptExists(digest(plain), unknown, digest(locking)), [1, 0, 1]);
  },

  async scriptFlush(redis) {
    for (const options of [undefined, { sync: true }, { async: true }]) {
      const plain = unique("return 1");
      const locking = `#!lua flags=allow-key-locking\n${unique("return 2")}`;
      await redis.scriptLoad(plain);
      await redis.scriptLoad(locking);
      assert.equal(await redis.scriptFlush(options), "OK");
      assert.deepEqual(await redis.scriptExists(digest(plain), digest(locking)), [0, 0]);
      await assert.rejects(redis.evalsha(digest(locking), [], []), /NOSCRIPT/);
    }
  },

  async scriptLoad(redis) {
    const plain = unique("return 'plain'");
    const locking = `#!lua flags=allow-key-locking\n${unique("return 'locking'")}`;
    const both = `#!lua flags=no-writes,allow-key-locking\n${unique("return 'both'")}`;
    for (const [text, result] of [
      [plain, "plain"],
      [locking, "locking"],
      [both, "both"],
    ]) {
      assert.equal(await redis.scriptLoad(text), digest(text));
      assert.equal(await redis.evalsha(digest(text), [], []), result);
    }
    await assert.rejects(redis.scriptLoad("return return"), /ERR Error compiling script/);
  },
};

const library = (name) => `#!lua name=${name}
  redis.register_function('${name}_set', function(keys, args)
    return redis.call('SET', keys[1], args[1])
  end)
  redis.register_function('${name}_get', function(keys)
    return redis.call('GET', keys[1])
  end)
  redis.register_function{
    function_name = '${name}_answer',
    callback = function() return 42 end,
    description = 'the answer',
    flags = {'no-writes', 'allow-key-locking'},
  }
`;

export const functions = {
  async "functions.load"(redis) {
    await redis.functions.flush();
    assert.equal(await redis.functions.load({ code: library("mine") }), "mine");
    const again = async () => redis.functions.load({ code: library("mine") });
    await assert.rejects(again, /ERR Library 'mine' already exists/);
    assert.equal(await redis.functions.load({ code: library("mine"), replace: true }), "mine");
  },

  async "functions.list"(redis) {
    await redis.functions.flush();
    assert.deepEqual(await redis.functions.list(), []);
    await redis.functions.load({ code: library("mine") });
    await redis.functions.load({ code: library("other") });
    const found = await redis.functions.list({ libraryName: "mine", withCode: true });
    assert.equal(found.length, 1);
    const [{ functions, ...mine }] = found;
    assert.deepEqual(mine, { libraryName: "mine", engine: "LUA", libraryCode: library("mine") });
    assert.deepEqual(functions.map(({ name }) => name).sort(), [
      "mine_answer",
      "mine_get",
      "mine_set",
    ]);
    const answer = functions.find(({ name }) => name === "mine_answer");
    assert.equal(answer.description, "the answer");
    assert.deepEqual(
      answer.flags.filter((flag) => flag !== "allow-key-locking"),
      ["no-writes"],
    );
    const unflagged = functions.find(({ name }) => name === "mine_get");
    assert.deepEqual(unflagged, { name: "mine_get", description: undefined, flags: [] });

    const all = await redis.functions.list();
    assert.deepEqual(all.map(({ libraryName }) => libraryName).sort(), ["mine", "other"]);
    assert.equal(all[0].libraryCode, undefined);
  },

  async "functions.delete"(redis) {
    await redis.functions.flush();
    await redis.functions.load({ code: library("mine") });
    assert.equal(await redis.functions.delete("mine"), "OK");
    await assert.rejects(redis.functions.delete("mine"), /ERR Library not found/);
    assert.deepEqual(await redis.functions.list(), []);
  },

  async "functions.flush"(redis) {
    await redis.functions.load({ code: library("mine"), replace: true });
    assert.equal(await redis.functions.flush(), "OK");
    assert.deepEqual(await redis.functions.list(), []);
  },

  async "functions.stats"(redis) {
    await redis.functions.flush();
    const stats = async () => (await redis.functions.stats()).engines.LUA;
    assert.deepEqual(await stats(), { librariesCount: 0, functionsCount: 0 });
    await redis.functions.load({ code: library("mine") });
    await redis.functions.load({ code: library("other") });
    assert.deepEqual(await stats(), { librariesCount: 2, functionsCount: 6 });
  },

  async "functions.call"(redis) {
    await redis.functions.flush();
    await redis.functions.load({ code: library("mine") });
    assert.equal(await redis.functions.call("mine_set", ["key"], ["value"]), "OK");
    assert.equal(await redis.functions.call("mine_get", ["key"]), "value");
    assert.equal(await redis.functions.call("mine_answer"), 42);
    await assert.rejects(redis.functions.call("unknown"), /ERR Function not found/);
  },

  async "functions.callRo"(redis) {
    await redis.functions.flush();
    await redis.functions.load({ code: library("mine") });
    await redis.set("key", "value");
    assert.equal(await redis.functions.callRo("mine_answer"), 42);
    assert.equal(await redis.functions.callRo("mine_get", ["key"]), "value");
    const writing = async () => redis.functions.callRo("mine_set", ["key"], ["other"]);
    await assert.rejects(writing, /commands are not allowed from read-only/);
    await assert.rejects(redis.functions.callRo("unknown"), /ERR Function not found/);
    assert.equal(await redis.get("key"), "value");
  },
};

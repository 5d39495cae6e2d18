// What is stored is what is read.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { connect, request } from "./pkv.js";

let redis;
beforeEach(async () => {
  redis = connect();
  await redis.flushdb();
});

test("a text reads back as it was set", async () => {
  assert.equal(await redis.set("key", "value"), "OK");
  assert.equal(await redis.get("key"), "value");
});

test("a missing key is null", async () => {
  assert.equal(await redis.get("missing"), null);
  assert.deepEqual(await redis.mget("missing", "too"), [null, null]);
});

test("emoji read back whole, in keys and values", async () => {
  await redis.set("🗝️", "héllo 👩‍👩‍👧‍👦 🎉");
  assert.equal(await redis.get("🗝️"), "héllo 👩‍👩‍👧‍👦 🎉");
});

test("all characters from 0 to 255 read back", async () => {
  const text = String.fromCharCode(...Array(256).keys());
  await redis.set("key", text);
  assert.equal(await redis.get("key"), text);
  assert.deepEqual(await redis.mget("key"), [text]);
  assert.equal(await redis.strlen("key"), 128 + 2 * 128);
});

test("raw bytes from 0 to 255 read back", async () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const stored = await request("/set/key", { method: "POST", body: bytes });
  assert.deepEqual(await stored.json(), { result: "OK" });

  const read = await request("/get/key", { headers: { "Upstash-Encoding": "base64" } });
  const { result } = await read.json();
  assert.equal(result, bytes.toString("base64"));
  assert.equal(await redis.strlen("key"), 256);
});

test("numbers read back as numbers", async () => {
  for (const number of [0, 42, -7, 1.5, Number.MAX_SAFE_INTEGER]) {
    await redis.set("key", number);
    assert.equal(await redis.get("key"), number);
  }
  assert.equal(await redis.incr("counter"), 1);
  assert.equal(await redis.incrby("counter", 41), 42);
  assert.equal(await redis.incrbyfloat("counter", 0.5), 42.5);
});

test("digits beyond a number's precision are kept", async () => {
  await redis.set("key", "9007199254740993");
  assert.equal(await redis.get("key"), "9007199254740993");
});

test("JSON objects read back as objects", async () => {
  const value = { name: "Ada", tags: ["a", "b"], nested: { yes: true, no: null, ü: 1.5 } };
  await redis.set("key", value);
  assert.deepEqual(await redis.get("key"), value);
});

test('"OK" reads back as "OK", alone and in an array', async () => {
  await redis.set("key", "OK");
  assert.equal(await redis.get("key"), "OK");
  assert.deepEqual(await redis.mget("key", "key"), ["OK", "OK"]);
  assert.deepEqual(await redis.eval("return {redis.call('SET', KEYS[1], 'x')}", ["key"], []), [
    "OK",
  ]);
});

test("texts that look like base64 are not decoded", async () => {
  const texts = ["aGVsbG8=", "T0s=", "abcd", "YQ", "====", "%%12", ""];
  for (const text of texts) {
    await redis.set("key", text);
    assert.equal(await redis.get("key"), text);
  }
  await redis.rpush("list", ...texts);
  assert.deepEqual(await redis.lrange("list", 0, -1), texts);
});

test("a client that asks for no encoding reads the same", async () => {
  const plain = connect({ responseEncoding: false });
  await redis.mset({ a: "OK", b: "aGVsbG8=", c: "👋" });
  assert.deepEqual(await plain.mget("a", "b", "c", "d"), ["OK", "aGVsbG8=", "👋", null]);
});

// What the client makes of errors, and of the header that lets it read its own writes.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { errors } from "@upstash/redis";

import { connect, requestsOf } from "./pkv.js";

let redis;
beforeEach(async () => {
  redis = connect();
  await redis.flushdb();
});

test("Redis's error is the client's error", async () => {
  await redis.set("text", "abc");
  for (const failing of [
    () => redis.lpush("text", "x"),
    () => redis.exec(["LPUSH", "text", "x"]),
  ]) {
    await assert.rejects(failing, (error) => {
      assert.ok(error instanceof errors.UpstashError);
      assert.match(
        error.message,
        /WRONGTYPE Operation against a key holding the wrong kind of value/,
      );
      return true;
    });
  }
});

test("a wrong token is refused", async () => {
  const stranger = connect({ token: "wrong" });
  for (const refused of [
    () => stranger.get("key"),
    () => stranger.exec(["GET", "key"]),
    () => stranger.multi().get("key").exec(),
  ]) {
    await assert.rejects(refused, (error) => {
      assert.ok(error instanceof errors.UpstashError);
      assert.match(error.message, /^WRONGPASS /);
      return true;
    });
  }
});

test("the client takes over the sync token of each response", async () => {
  const client = connect();
  const requests = await requestsOf(async () => {
    await client.set("key", 1);
    await client.exec(["SET", "key", 2]);
    await client.pipeline().set("key", 3).exec();
    await client.multi().set("key", 4).exec();
    await client.get("key");
  });
  const sent = requests.map((request) => request.sent.get("upstash-sync-token"));
  const received = requests.map((request) => request.received.get("upstash-sync-token"));
  assert.deepEqual(sent, ["", ...received.slice(0, -1)]);
  // Each write's token differs from the one before.
  assert.equal(new Set(sent).size, 5, `${sent}`);
});

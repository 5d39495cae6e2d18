// redis.subscribe and redis.psubscribe, over Server-Sent Events.
import assert from "node:assert/strict";
import { test } from "node:test";

import { next } from "./events.js";
import { connect, DEADLINE } from "./pkv.js";

// The client's own deadline for a request would end a stream.
const client = () => connect({ signal: undefined });

test("a subscriber gets what is published, as it was published", async () => {
  const redis = client();
  const subscriber = redis.subscribe("chat");
  assert.equal(await next(subscriber, "subscribe"), 1);
  const arrived = next(subscriber, "message");
  assert.equal(await redis.publish("chat", { text: "hello 👋, you", list: [1, 2] }), 1);
  assert.deepEqual(await arrived, {
    channel: "chat",
    message: { text: "hello 👋, you", list: [1, 2] },
  });
  await subscriber.unsubscribe();
});

test("a pattern's subscriber learns the pattern and the channel", async () => {
  const redis = client();
  const subscriber = redis.psubscribe("user:*");
  assert.equal(await next(subscriber, "psubscribe"), 1);
  const arrived = next(subscriber, "pmessage");
  await redis.publish("user:7", { n: 1 });
  assert.deepEqual(await arrived, { pattern: "user:*", channel: "user:7", message: { n: 1 } });
  await subscriber.unsubscribe();
});

test("who has unsubscribed is gone", async () => {
  const redis = client();
  const subscriber = redis.subscribe("short");
  await next(subscriber, "subscribe");
  await subscriber.unsubscribe();
  const deadline = Date.now() + DEADLINE;
  while ((await redis.publish("short", "anybody?")) !== 0) {
    assert.ok(Date.now() < deadline, "Redis still has a subscriber");
  }
});

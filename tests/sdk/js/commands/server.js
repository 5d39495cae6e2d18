// The server, its channels, and the client's own switches.
import assert from "node:assert/strict";

import { next } from "../events.js";
import { requestsOf } from "../pkv.js";
import { within } from "./checks.js";

export const server = {
  async clientSetinfo(redis) {
    // CLIENT would change a connection that others share; Upstash refuses it as well.
    const set = async () => redis.clientSetinfo("LIB-NAME", "tests");
    await assert.rejects(set, /ERR Command "CLIENT" is not allowed in REST/);
  },

  async dbsize(redis) {
    assert.equal(await redis.dbsize(), 0);
    await redis.mset({ a: 1, b: 2 });
    assert.equal(await redis.dbsize(), 2);
  },

  async echo(redis) {
    assert.equal(await redis.echo("héllo"), "héllo");
  },

  async exec(redis) {
    assert.equal(await redis.exec(["SET", "key", "value", "EX", 100]), "OK");
    assert.equal(await redis.exec(["getrange", "key", 1, 2]), "al");
  },

  async flushall(redis) {
    for (const options of [undefined, { async: true }]) {
      await redis.mset({ a: 1, b: 2 });
      assert.equal(await redis.flushall(options && [options]), "OK");
      assert.equal(await redis.dbsize(), 0);
    }
  },

  async flushdb(redis) {
    for (const options of [undefined, { async: true }]) {
      await redis.mset({ a: 1, b: 2 });
      assert.equal(await redis.flushdb(options), "OK");
      assert.equal(await redis.dbsize(), 0);
    }
  },

  async ping(redis) {
    assert.equal(await redis.ping(), "PONG");
    assert.equal(await redis.ping(["hello"]), "hello");
  },

  async time(redis) {
    const [seconds, microseconds] = await redis.time();
    within(seconds, Date.now() / 1000 - 3600, Date.now() / 1000 + 3600);
    within(microseconds, 0, 999_999);
  },
};

export const channels = {
  async publish(redis) {
    assert.equal(await redis.publish("nobody", "listens"), 0);
    const subscriber = redis.subscribe("channel");
    await next(subscriber, "subscribe");
    const arrived = next(subscriber, "message");
    assert.equal(await redis.publish("channel", { a: [1, "two"] }), 1);
    assert.deepEqual(await arrived, { channel: "channel", message: { a: [1, "two"] } });
    await subscriber.unsubscribe();
  },

  async subscribe(redis) {
    const subscriber = redis.subscribe(["one", "two"]);
    let confirmed = 0;
    await new Promise((resolve, reject) => {
      subscriber.on("error", reject);
      subscriber.on("subscribe", () => ++confirmed === 2 && resolve());
    });
    assert.deepEqual(subscriber.getSubscribedChannels(), ["one", "two"]);
    for (const channel of ["two", "one"]) {
      const arrived = next(subscriber, `message:${channel}`);
      await redis.publish(channel, `to ${channel}, with a comma`);
      assert.deepEqual(await arrived, { channel, message: `to ${channel}, with a comma` });
    }
    await subscriber.unsubscribe();
  },

  async psubscribe(redis) {
    const subscriber = redis.psubscribe("user:*");
    assert.equal(await next(subscriber, "psubscribe"), 1);
    const arrived = next(subscriber, "pmessage:user:*");
    assert.equal(await redis.publish("user:7", { n: 1 }), 1);
    assert.deepEqual(await arrived, { pattern: "user:*", channel: "user:7", message: { n: 1 } });
    await subscriber.unsubscribe();
  },
};

export const client = {
  async use(redis) {
    const seen = [];
    redis.use(async (request, next) => {
      const response = await next(request);
      seen.push(request.path);
      return response;
    });
    await redis.exec(["SET", "key", 1]);
    assert.deepEqual(seen, [undefined]);
  },

  async addTelemetry(redis) {
    redis.addTelemetry({ sdk: "tests" });
    const [{ sent }] = await requestsOf(async () => {
      assert.equal(await redis.exec(["SET", "key", 1]), "OK");
    });
    assert.match(sent.get("upstash-telemetry-sdk"), /^@upstash\/redis@.+,tests$/);
  },

  async pipeline(redis) {
    const pipeline = redis.pipeline();
    pipeline.set("n", 1);
    pipeline.incr("n").lpush("n", "x").get("n");
    assert.equal(pipeline.length(), 4);
    const [set, incremented, failed, read] = await pipeline.exec({ keepErrors: true });
    assert.deepEqual([set.result, incremented.result, read.result], ["OK", 2, 2]);
    assert.match(failed.error, /^WRONGTYPE/);
  },

  async multi(redis) {
    const transaction = redis.multi().set("n", 1).incr("n").lpush("n", "x").get("n");
    const [set, incremented, failed, read] = await transaction.exec({ keepErrors: true });
    assert.deepEqual([set.result, incremented.result, read.result], ["OK", 2, 2]);
    assert.match(failed.error, /^WRONGTYPE/);
  },

  async autoPipeline(redis) {
    const automatic = redis.autoPipeline();
    const requests = await requestsOf(async () => {
      const results = await Promise.all([
        automatic.incr("n"),
        automatic.incr("n"),
        automatic.hset("hash", { a: 1 }),
      ]);
      assert.deepEqual(results, [1, 2, 1]);
    });
    assert.deepEqual(
      requests.map(({ path }) => path),
      ["/pipeline"],
    );
  },
};

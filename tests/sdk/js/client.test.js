// What the client makes of errors, its settings, and the header that lets it read its own writes.
import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { errors, Redis } from "@upstash/redis";

import { next } from "./events.js";
import { connect, requestsOf, token, url } from "./pkv.js";

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

test("a client that need not read its own writes sends no sync token", async () => {
  const client = new Redis({ url, token, readYourWrites: false });
  const requests = await requestsOf(async () => {
    await client.set("key", 1);
    assert.equal(await client.get("key"), 1);
  });
  assert.deepEqual(
    requests.map(({ sent }) => sent.has("upstash-sync-token")),
    [false, false],
  );
});

test("a client can take over another's sync token", async () => {
  const writer = connect({ enableAutoPipelining: false });
  await writer.set("key", "written");
  const handedOver = writer.readYourWritesSyncToken;
  assert.notEqual(handedOver, "");
  const reader = connect({ enableAutoPipelining: false });
  reader.readYourWritesSyncToken = handedOver;
  const [{ sent }] = await requestsOf(async () => {
    assert.equal(await reader.get("key"), "written");
  });
  assert.equal(sent.get("upstash-sync-token"), handedOver);
});

test("with and without automatic pipelining the requests differ, and not the results", async () => {
  for (const [enableAutoPipelining, paths] of [
    [true, ["/pipeline", "/pipeline"]],
    [false, ["/", "/", "/", "/"]],
  ]) {
    await redis.flushdb();
    const client = connect({ enableAutoPipelining });
    const requests = await requestsOf(async () => {
      assert.deepEqual(await Promise.all([client.incr("n"), client.set("key", 1)]), [1, "OK"]);
      assert.deepEqual(await Promise.all([client.get("n"), client.get("key")]), [1, 1]);
    });
    assert.deepEqual(
      requests.map(({ path }) => path),
      paths,
    );
  }
});

test("the environment's variables make a client, those of Vercel too", async (t) => {
  const names = ["UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN"];
  const vercels = ["KV_REST_API_URL", "KV_REST_API_TOKEN"];
  const before = { ...process.env };
  t.after(() => {
    for (const name of [...names, ...vercels]) {
      delete process.env[name];
      if (name in before) process.env[name] = before[name];
    }
  });
  for (const [[address, secret], [otherAddress, otherSecret]] of [
    [names, vercels],
    [vercels, names],
  ]) {
    Object.assign(process.env, { [address]: url, [secret]: token });
    delete process.env[otherAddress];
    delete process.env[otherSecret];
    assert.equal(await Redis.fromEnv().set("key", address), "OK");
    assert.equal(await redis.get("key"), address);
  }
});

test("without automatic deserialization all stays as it was stored", async () => {
  const raw = connect({ automaticDeserialization: false });
  assert.equal(await raw.set("object", { a: 1 }), "OK");
  assert.equal(await raw.get("object"), '{"a":1}');
  assert.deepEqual(await raw.mget("object", "missing"), ['{"a":1}', null]);
  await raw.hset("hash", { n: 1, yes: true });
  assert.deepEqual(await raw.hgetall("hash"), ["n", "1", "yes", "true"]);
  assert.deepEqual(await raw.pipeline().set("n", 1).get("n").incr("n").exec(), ["OK", "1", 2]);

  const subscriber = connect({ automaticDeserialization: false, signal: undefined }).psubscribe(
    "*",
  );
  await next(subscriber, "psubscribe");
  const arrived = next(subscriber, "pmessage");
  await raw.publish("channel", "not JSON, but {text}");
  assert.deepEqual(await arrived, {
    pattern: "*",
    channel: "channel",
    message: "not JSON, but {text}",
  });
  await subscriber.unsubscribe();
});

test("a client that asks for no encoding gets texts, and errors, as they are", async () => {
  const plain = connect({ responseEncoding: false });
  const requests = await requestsOf(async () => {
    assert.equal(await plain.set("key", "👋 OK"), "OK");
    assert.equal(await plain.get("key"), "👋 OK");
    assert.deepEqual(await plain.multi().get("key").strlen("key").exec(), ["👋 OK", 7]);
    await assert.rejects(plain.incr("key"), /ERR value is not an int/);
  });
  assert.ok(requests.every(({ sent }) => !sent.has("upstash-encoding")));
});

test("latencies are logged if the client is told to", async (t) => {
  const log = mock.method(console, "log", () => {});
  t.after(() => log.mock.restore());
  const logging = connect({ latencyLogging: true, enableAutoPipelining: false });
  assert.equal(await logging.set("key", 1), "OK");
  assert.deepEqual(await logging.pipeline().get("key").exec(), [1]);
  const lines = log.mock.calls.map(({ arguments: [line] }) => line);
  assert.deepEqual(
    lines.map((line) => /^Latency for .*(SET|PIPELINE).* ms/.exec(line)?.[1]),
    ["SET", "PIPELINE"],
  );
});

test("a base URL may end in a slash", async () => {
  const client = connect({ url: `${url}/`, enableAutoPipelining: false });
  assert.equal(await client.set("key", 1), "OK");
  assert.deepEqual(await client.pipeline().get("key").exec(), [1]);
});

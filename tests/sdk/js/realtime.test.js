// @upstash/realtime: streams for the history, subscriptions for what is new, Server-Sent Events
// to the browser. The handler is served as in an application.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { after, before, test } from "node:test";

import { CursorUnavailableError, handle, Realtime } from "@upstash/realtime";
import { z } from "zod";

import { connect, DEADLINE } from "./pkv.js";

// A subscription on the server publishes a ping each minute for ever, also after it ended: that
// must not keep these tests from ending.
const { setInterval } = globalThis;
globalThis.setInterval = (...args) => setInterval(...args).unref();

const schema = {
  chat: { message: z.object({ from: z.string(), text: z.string() }) },
  count: z.number(),
};

// The client's own deadline for a request would end a stream.
const realtime = (options) =>
  new Realtime({ schema, redis: connect({ signal: undefined }), ...options });

const message = (text) => ({ from: "Ada", text });

let server;
before(async () => {
  let GET;
  server = createServer(async (request, response) => {
    GET ??= handle({ realtime: realtime() });
    const aborted = new AbortController();
    response.once("close", () => aborted.abort());
    const { headers, body } = await GET(
      new Request(new URL(request.url, "http://127.0.0.1"), { signal: aborted.signal }),
    );
    response.writeHead(200, Object.fromEntries(headers)).flushHeaders();
    await pipeline(Readable.fromWeb(body), response).catch(() => response.destroy());
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
});
after(() => {
  server.close();
  server.closeAllConnections();
});

/** A browser that reads the events of these channels, one after the other. */
async function browser(query) {
  const leave = new AbortController();
  const signal = AbortSignal.any([leave.signal, AbortSignal.timeout(DEADLINE)]);
  const response = await fetch(`http://127.0.0.1:${server.address().port}/?${query}`, { signal });
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  const chunks = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const seen = new Set();
  const next = async () => {
    for (;;) {
      const line = /^data: (.*)\n\n/.exec(text);
      if (line) {
        text = text.slice(line[0].length);
        const event = JSON.parse(line[1]);
        // What is emitted while the handler reads the history may come twice.
        if (event.id && seen.has(event.id)) continue;
        seen.add(event.id);
        return event;
      }
      const { value, done } = await chunks.read();
      assert.ok(!done, `the stream ended: ${text}`);
      text += value;
    }
  };
  return { next, leave: () => leave.abort() };
}

/** Collects what a subscriber gets; `until` waits for that many. */
function collector() {
  const events = [];
  const until = async (count) => {
    const deadline = Date.now() + DEADLINE;
    while (events.length < count) {
      assert.ok(Date.now() < deadline, `only ${events.length} of ${count}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return events;
  };
  return { onData: (event) => events.push(event), until };
}

test("what is emitted reaches the browser", async () => {
  const reader = await browser("");
  assert.deepEqual(await reader.next(), { type: "connected", channel: "default" });
  await realtime().emit("chat.message", message("hello 👋, you"));
  await realtime().emit("count", 7);
  const { id, ...first } = await reader.next();
  assert.match(id, /^\d+-\d+$/);
  const expected = { channel: "default", event: "chat.message", data: message("hello 👋, you") };
  assert.deepEqual(first, expected);
  const { event, data } = await reader.next();
  assert.deepEqual({ event, data }, { event: "count", data: 7 });
  reader.leave();
});

test("a browser reads the channels that it asked for, and no others", async () => {
  const reader = await browser("channel=one&channel=two");
  const connected = [await reader.next(), await reader.next()];
  assert.deepEqual(connected.map(({ channel }) => channel).sort(), ["one", "two"]);
  await realtime().channel("three").emit("count", 3);
  await realtime().channel("two").emit("count", 2);
  const { channel, data } = await reader.next();
  assert.deepEqual({ channel, data }, { channel: "two", data: 2 });
  reader.leave();
});

test("a browser that comes back gets what it missed", async () => {
  const channel = realtime().channel("missed");
  for (const n of [1, 2, 3]) await channel.emit("count", n);
  const [{ id }] = await channel.history();
  const reader = await browser(`channel=missed&last_ack_missed=${id}`);
  assert.equal((await reader.next()).type, "connected");
  assert.deepEqual([(await reader.next()).data, (await reader.next()).data], [2, 3]);
  await channel.emit("count", 4);
  assert.equal((await reader.next()).data, 4);
  reader.leave();
});

test("a browser that leaves is no subscriber any more", async () => {
  const redis = connect();
  const reader = await browser("channel=left");
  await reader.next();
  assert.equal(await redis.publish("left", { type: "ping", timestamp: 1 }), 1);
  assert.deepEqual(await reader.next(), { type: "ping", timestamp: 1 });
  reader.leave();
  const deadline = Date.now() + DEADLINE;
  while ((await redis.publish("left", "anybody?")) !== 0) {
    assert.ok(Date.now() < deadline, "Redis still has a subscriber");
  }
});

test("what does not fit the schema is not emitted", async () => {
  const channel = realtime().channel("strict");
  await assert.rejects(channel.emit("chat.message", { from: "Ada" }));
  assert.deepEqual(await channel.history(), []);
});

test("a channel's history is in order, and can be read in part", async () => {
  const channel = realtime().channel("past");
  for (const n of [1, 2, 3]) await channel.emit("count", n);
  const all = await channel.history();
  assert.deepEqual(
    all.map(({ event, data, channel }) => ({ event, data, channel })),
    [1, 2, 3].map((data) => ({ event: "count", data, channel: "past" })),
  );
  const data = async (options) => (await channel.history(options)).map(({ data }) => data);
  assert.deepEqual(await data({ limit: 2 }), [1, 2]);
  assert.deepEqual(await data({ start: all[1].id }), [2, 3]);
  assert.deepEqual(await data({ end: all[1].id }), [1, 2]);
});

test("a history is as long as it may be", async () => {
  const redis = connect();
  const history = { maxLength: 2, expireAfterSecs: 1000 };
  const channel = realtime({ history }).channel("bounded");
  for (const n of [1, 2, 3]) await channel.emit("count", n);
  assert.deepEqual(
    (await channel.history()).map(({ data }) => data),
    [2, 3],
  );
  const left = await redis.ttl("bounded");
  assert.ok(left > 0 && left <= 1000, `${left}`);
});

test("a subscriber on the server gets the history, then what is new", async () => {
  const channel = realtime().channel("served");
  for (const n of [1, 2]) await channel.emit("count", n);
  const [{ id }] = await channel.history();
  const everything = collector();
  const later = collector();
  const subscribe = (options) => realtime().channel("served").subscribe(options);
  const leave = [
    await subscribe({ events: ["count"], onData: everything.onData, history: true }),
    await subscribe({ events: ["count"], onData: later.onData, after: id }),
  ];
  await channel.emit("chat.message", message("not asked for"));
  await channel.emit("count", 3);
  const data = (events) => events.map(({ data }) => data);
  assert.deepEqual(data(await everything.until(3)), [1, 2, 3]);
  assert.deepEqual(data(await later.until(2)), [2, 3]);
  await Promise.all(leave.map((unsubscribe) => unsubscribe()));

  const unknown = { events: ["count"], onData: later.onData, after: "1-1" };
  await assert.rejects(subscribe(unknown), CursorUnavailableError);
});

// @upstash/ratelimit, whose scripts carry the flag `allow-key-locking` and are sent by digest.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Analytics, IpDenyList, Ratelimit } from "@upstash/ratelimit";

import { connect, DEADLINE, requestsOf, url } from "./pkv.js";

// So long that none ends during a test.
const WINDOW = "3650 d";

const algorithms = {
  "fixed window": Ratelimit.fixedWindow(3, WINDOW),
  "sliding window": Ratelimit.slidingWindow(3, WINDOW),
  "token bucket": Ratelimit.tokenBucket(3, WINDOW, 3),
};

// Without a cache, so that each decision is the database's.
function limiter(prefix, limiter, options) {
  const redis = connect();
  const defaults = { redis, limiter, prefix, analytics: false, timeout: 0, ephemeralCache: false };
  return new Ratelimit({ ...defaults, ...options });
}

/** Which of so many requests of somebody's may pass. */
async function passed(ratelimit, requests, options) {
  const successes = [];
  for (let request = 0; request < requests; request++) {
    const { success, pending } = await ratelimit.limit("somebody", options);
    await pending;
    successes.push(success);
  }
  return successes;
}

for (const [name, algorithm] of Object.entries(algorithms)) {
  test(`${name}: three may pass and the fourth may not`, async () => {
    const ratelimit = limiter(name, algorithm);
    assert.deepEqual(await passed(ratelimit, 4), [true, true, true, false]);
    const { limit, remaining, reset, reason } = await ratelimit.limit("somebody");
    assert.deepEqual({ limit, remaining, reason }, { limit: 3, remaining: 0, reason: undefined });
    assert.ok(reset > Date.now(), `${reset}`);
    assert.equal((await ratelimit.limit("somebody else")).success, true);

    await ratelimit.resetUsedTokens("somebody");
    assert.equal((await ratelimit.getRemaining("somebody")).remaining, 3);
    assert.equal((await ratelimit.limit("somebody")).success, true);
    const left = await ratelimit.getRemaining("somebody");
    assert.deepEqual([left.remaining, left.limit], [2, 3]);
    assert.ok(left.reset > Date.now(), `${left.reset}`);
  });

  test(`${name}: of many at once exactly three pass`, async () => {
    const ratelimit = limiter(`${name} at once`, algorithm);
    const all = await Promise.all(Array.from({ length: 20 }, () => ratelimit.limit("crowd")));
    assert.equal(all.filter(({ success }) => success).length, 3);
  });

  test(`${name}: a request may cost more than one, and may be given back`, async () => {
    const ratelimit = limiter(`${name} of a rate`, algorithm);
    assert.equal((await ratelimit.limit("somebody", { rate: 2 })).remaining, 1);
    assert.equal((await ratelimit.limit("somebody", { rate: -2 })).remaining, 3);
    assert.deepEqual(await passed(ratelimit, 4), [true, true, true, false]);
  });

  test(`${name}: who is known to be blocked is not asked for`, async () => {
    const ratelimit = limiter(`${name} and a cache`, algorithm, { ephemeralCache: new Map() });
    assert.deepEqual(await passed(ratelimit, 4), [true, true, true, false]);
    const requests = await requestsOf(async () => {
      const { success, reason } = await ratelimit.limit("somebody");
      assert.deepEqual({ success, reason }, { success: false, reason: "cacheBlock" });
    });
    assert.equal(requests.length, 0);
  });

  test(`${name}: the limit can be changed for all`, async () => {
    const ratelimit = limiter(`${name} by order`, algorithm, { dynamicLimits: true });
    assert.deepEqual(await ratelimit.getDynamicLimit(), { dynamicLimit: null });
    await ratelimit.setDynamicLimit({ limit: 1 });
    assert.deepEqual(await ratelimit.getDynamicLimit(), { dynamicLimit: 1 });
    assert.deepEqual(await passed(ratelimit, 2), [true, false]);
    assert.equal((await ratelimit.getRemaining("somebody")).limit, 1);
    await ratelimit.resetUsedTokens("somebody");
    await ratelimit.setDynamicLimit({ limit: false });
    assert.deepEqual(await ratelimit.getDynamicLimit(), { dynamicLimit: null });
    assert.deepEqual(await passed(ratelimit, 4), [true, true, true, false]);
  });

  test(`${name}: who waits too short a time is refused`, async () => {
    const ratelimit = limiter(`${name} waited for`, algorithm);
    await passed(ratelimit, 3);
    assert.equal((await ratelimit.blockUntilReady("somebody", 50)).success, false);
  });
}

test("who waits until the window ends may pass", async () => {
  const ratelimit = limiter("waiting", Ratelimit.tokenBucket(1, "1 s", 1));
  assert.equal((await ratelimit.limit("somebody")).success, true);
  assert.equal((await ratelimit.blockUntilReady("somebody", DEADLINE)).success, true);
});

test("cached fixed window: the database follows the cache", async () => {
  const algorithm = Ratelimit.cachedFixedWindow(3, WINDOW);
  const make = () => limiter("cached", algorithm, { ephemeralCache: new Map() });
  const ratelimit = make();
  assert.deepEqual(await passed(ratelimit, 4), [true, true, true, false]);

  // Another process, with a cache of its own, finds nothing left.
  const other = make();
  assert.equal((await other.getRemaining("somebody")).remaining, 0);
  assert.equal((await other.limit("somebody")).success, false);
  await ratelimit.resetUsedTokens("somebody");
  assert.equal((await make().limit("somebody")).success, true);
});

test("a script that is known costs one round trip", async () => {
  const ratelimit = limiter("round trips", Ratelimit.slidingWindow(3, WINDOW));
  await ratelimit.limit("somebody");
  assert.equal((await requestsOf(() => ratelimit.limit("somebody"))).length, 1);
});

test("who is on the deny list is refused", async () => {
  const redis = connect();
  const ratelimit = limiter("denying", Ratelimit.fixedWindow(3, WINDOW), {
    enableProtection: true,
  });
  // Else a list of addresses would be fetched from the internet.
  await IpDenyList.disableIpDenyList(redis, "denying");
  await redis.sadd("denying:denyList:all", "192.0.2.1", "evil agent");
  const ask = async (options) => {
    const { success, reason, deniedValue } = await ratelimit.limit("somebody", options);
    return { success, reason, deniedValue };
  };
  const welcome = { success: true, reason: undefined, deniedValue: undefined };
  assert.deepEqual(await ask({ ip: "192.0.2.2", userAgent: "good agent" }), welcome);
  const refusal = { success: false, reason: "denyList" };
  assert.deepEqual(await ask({ ip: "192.0.2.1" }), { ...refusal, deniedValue: "192.0.2.1" });
  assert.deepEqual(await ask({ userAgent: "evil agent" }), {
    ...refusal,
    deniedValue: "evil agent",
  });
});

test("the list of addresses to deny is kept in the database", async () => {
  const redis = connect();
  const { fetch } = globalThis;
  globalThis.fetch = (address, options) =>
    `${address}`.startsWith(url)
      ? fetch(address, options)
      : Promise.resolve(new Response("192.0.2.7\n192.0.2.8\n"));
  try {
    await redis.sadd("listing:denyList:all", "192.0.2.8", "my own");
    await IpDenyList.updateIpDenyList(redis, "listing", 6);
  } finally {
    globalThis.fetch = fetch;
  }
  const members = async (list) => (await redis.smembers(`listing:denyList:${list}`)).sort();
  assert.deepEqual(await members("all"), ["192.0.2.7", "192.0.2.8", "my own"]);
  assert.deepEqual(await members("ipDenyList"), ["192.0.2.7"]);
  assert.equal(await redis.get("listing:ipDenyListStatus"), "valid");

  await IpDenyList.disableIpDenyList(redis, "listing");
  assert.deepEqual(await members("all"), ["192.0.2.8", "my own"]);
  assert.equal(await redis.ttl("listing:ipDenyListStatus"), -1);
});

test("analytics count who passed and who did not", async () => {
  const redis = connect();
  const algorithm = Ratelimit.fixedWindow(2, WINDOW);
  const ratelimit = limiter("counting", algorithm, { analytics: true });
  assert.deepEqual(await passed(ratelimit, 3), [true, true, false]);
  const analytics = new Analytics({ redis, prefix: "counting" });
  // The last two hours: between the requests one may have begun.
  const usage = await analytics.getUsage(Date.now() - 2 * 60 * 60 * 1000);
  assert.deepEqual(usage, { somebody: { success: 2, blocked: 1 } });
});

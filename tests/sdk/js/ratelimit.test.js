// @upstash/ratelimit, whose scripts carry the flag `allow-key-locking` and are sent by digest.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Ratelimit } from "@upstash/ratelimit";

import { connect, requestsOf } from "./pkv.js";

const algorithms = {
  // Windows so long that none ends during a test.
  "fixed window": Ratelimit.fixedWindow(3, "1 h"),
  "sliding window": Ratelimit.slidingWindow(3, "1 h"),
  "token bucket": Ratelimit.tokenBucket(3, "1 h", 3),
};

function limiter(prefix, limiter) {
  return new Ratelimit({ redis: connect(), limiter, prefix, analytics: false, timeout: 0 });
}

for (const [name, algorithm] of Object.entries(algorithms)) {
  test(`${name}: three may pass and the fourth may not`, async () => {
    const ratelimit = limiter(name, algorithm);
    const passed = [];
    for (let request = 0; request < 4; request++) {
      const { success, limit } = await ratelimit.limit("somebody");
      assert.equal(limit, 3);
      passed.push(success);
    }
    assert.deepEqual(passed, [true, true, true, false]);
    assert.equal((await ratelimit.limit("somebody else")).success, true);

    await ratelimit.resetUsedTokens("somebody");
    assert.equal((await ratelimit.limit("somebody")).success, true);
    const { remaining } = await ratelimit.getRemaining("somebody");
    assert.equal(remaining, 2);
  });

  test(`${name}: of many at once exactly three pass`, async () => {
    const ratelimit = limiter(`${name} at once`, algorithm);
    const all = await Promise.all(Array.from({ length: 20 }, () => ratelimit.limit("crowd")));
    assert.equal(all.filter(({ success }) => success).length, 3);
  });
}

test("a script that is known costs one round trip", async () => {
  const ratelimit = limiter("round trips", Ratelimit.slidingWindow(3, "1 h"));
  await ratelimit.limit("somebody");
  assert.equal((await requestsOf(() => ratelimit.limit("somebody"))).length, 1);
});

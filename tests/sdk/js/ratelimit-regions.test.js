// @upstash/ratelimit over three databases that do not know each other: three pkv.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { MultiRegionRatelimit } from "@upstash/ratelimit";

import { connect, DEADLINE, start, url } from "./pkv.js";

// So long that none ends during a test.
const WINDOW = "3650 d";

const algorithms = {
  "fixed window": MultiRegionRatelimit.fixedWindow(3, WINDOW),
  "sliding window": MultiRegionRatelimit.slidingWindow(3, WINDOW),
};

const others = [];
let regions;
before(async () => {
  for (const _ of ["second", "third"]) others.push(await start());
  regions = [url, ...others.map(({ url }) => url)].map((url) => connect({ url }));
});
after(() => Promise.all(others.map(({ stop }) => stop())));

const limiter = (prefix, algorithm, redis) =>
  new MultiRegionRatelimit({ redis, limiter: algorithm, prefix, analytics: false, timeout: 0 });

/** Whether somebody's next request may pass; what it leaves to do is done then. */
async function passes(ratelimit) {
  const { success, pending } = await ratelimit.limit("somebody");
  await pending;
  return success;
}

for (const [name, algorithm] of Object.entries(algorithms)) {
  test(`${name}: each region knows what the others let pass`, async () => {
    const everywhere = limiter(name, algorithm, regions);
    const alone = regions.map((region) => limiter(name, algorithm, [region]));
    const remaining = () =>
      Promise.all(alone.map(async (one) => (await one.getRemaining("somebody")).remaining));

    assert.equal(await passes(alone[0]), true);
    assert.deepEqual(await remaining(), [2, 3, 3]);
    assert.equal(await passes(everywhere), true);
    assert.deepEqual(await remaining(), [1, 1, 1]);
    assert.equal(await passes(alone[2]), true);
    assert.equal(await passes(alone[2]), false);
    assert.equal((await everywhere.limit("somebody else")).success, true);

    // The regions are told to forget, but not waited for.
    await everywhere.resetUsedTokens("somebody");
    const deadline = Date.now() + DEADLINE;
    while ((await remaining()).some((left) => left !== 3)) {
      assert.ok(Date.now() < deadline, "a region did not forget");
    }
    assert.equal(await passes(everywhere), true);
  });

  test(`${name}: three may pass and the fourth may not`, async () => {
    const ratelimit = limiter(`${name} in turn`, algorithm, regions);
    const successes = [];
    for (let request = 0; request < 4; request++) successes.push(await passes(ratelimit));
    assert.deepEqual(successes, [true, true, true, false]);
  });
}

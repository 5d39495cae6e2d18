// What several cases check.
import assert from "node:assert/strict";

/** Fails unless `least <= number <= most`. */
export function within(number, least, most) {
  assert.equal(typeof number, "number");
  assert.ok(number >= least && number <= most, `${number} is not within ${least} and ${most}`);
}

/** A time in the past, in seconds since 1970. */
export function passed() {
  return Math.floor(Date.now() / 1000) - 100;
}

/** A time in the future, in seconds since 1970. */
export function ahead() {
  return Math.floor(Date.now() / 1000) + 1000;
}

/** Fails unless both hold the same, in whatever order. */
export function sameMembers(actual, expected) {
  assert.ok(Array.isArray(actual), `${JSON.stringify(actual)} is not a list`);
  const sorted = (list) => list.map((member) => JSON.stringify(member)).sort();
  assert.deepEqual(sorted(actual), sorted(expected));
}

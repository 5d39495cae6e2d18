// Every method of the client, by every way in which a command can be sent: its result as the
// client gives it, which is what Upstash would answer.
import assert from "node:assert/strict";
import { test } from "node:test";

import { hashes, hashFieldExpiry } from "./commands/hashes.js";
import { jsonArrays } from "./commands/json-arrays.js";
import { jsonDocuments } from "./commands/json-documents.js";
import { jsonValues } from "./commands/json-values.js";
import { keys } from "./commands/keys.js";
import { lists, sets } from "./commands/lists.js";
import { estimates, places } from "./commands/places.js";
import { functions, scripts } from "./commands/scripts.js";
import { channels, client, server } from "./commands/server.js";
import { sortedSets } from "./commands/sorted-sets.js";
import { streams } from "./commands/streams.js";
import { bits, strings } from "./commands/strings.js";
import { methodsOf, notBatched, noting, ways } from "./ways.js";
import { connect } from "./pkv.js";

const groups = {
  strings,
  bits,
  hashes,
  hashFieldExpiry,
  lists,
  sets,
  sortedSets,
  streams,
  keys,
  places,
  estimates,
  scripts,
  functions,
  jsonDocuments,
  jsonValues,
  jsonArrays,
  server,
  channels,
  client,
};
const cases = new Map(Object.values(groups).flatMap((group) => Object.entries(group)));

// What pkv does not have. Each family names a command that must be refused: once it is not, the
// family's methods need cases.
const absent = [
  {
    family: /^search\.(createIndex|index|alias)$/,
    refused: ["SEARCH.QUERY", "index", "{}"],
    reason: "full-text search is a product of Upstash's own",
  },
  {
    family: /^vector\.(createIndex|index)$/,
    refused: ["VECTOR.INFO", "index"],
    reason: "and so is its vector index",
  },
  {
    family:
      /^ar(count|del|delrange|get|getrange|grep|info|insert|lastitems|len|mget|mset|next|op|ring|scan|seek|set)$/,
    reason: "arrays came after Redis 8.0: whether there are any depends on the engine",
  },
];

test("every method has a case", () => {
  const methods = methodsOf(connect({ enableAutoPipelining: false }));
  const excused = (method) => absent.some(({ family }) => family.test(method));
  const without = methods.filter((method) => !cases.has(method) && !excused(method));
  assert.deepEqual(without, []);
  const needless = [...cases.keys()].filter((name) => !methods.includes(name) || excused(name));
  assert.deepEqual(needless, []);
  for (const { family } of absent) {
    assert.ok(
      methods.some((method) => family.test(method)),
      `no method is like ${family}`,
    );
  }
});

test("every command's method can be put into a pipeline", () => {
  const isNotBatched = notBatched(connect({ enableAutoPipelining: false }));
  const outside = [...cases.keys()].map((name) => name.split(".")[0]).filter(isNotBatched);
  const clientsOwn = [...Object.keys(client), "createScript", "exec", "psubscribe", "subscribe"];
  assert.deepEqual(outside.sort(), clientsOwn.sort());
});

for (const { refused, reason } of absent.filter(({ refused }) => refused)) {
  test(`${refused[0]} is refused: ${reason}`, async () => {
    await assert.rejects(connect().exec(refused), /ERR Command is not available: /);
  });
}

// The client's automatic pipeline asks for a promise, but this method gives a chain of operations:
// nothing is put into the pipeline, and it fails before anything is sent.
const impossible = { method: "bitfield", way: "in an automatic pipeline" };

for (const [name, check] of cases) {
  test(name, async () => {
    const failures = {};
    for (const [way, make] of Object.entries(ways)) {
      if (name === impossible.method && way === impossible.way) continue;
      await connect().flushdb();
      const called = new Set();
      try {
        await check(noting(make(), called));
        assert.ok(called.has(name), `the case of ${name} does not use it`);
      } catch (error) {
        failures[way] = error;
      }
    }
    const failed = Object.keys(failures);
    if (failed.length > 0) {
      throw new AggregateError(Object.values(failures), `fails ${failed.join(", ")}`);
    }
  });
}

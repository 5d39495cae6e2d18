// Places on earth, and estimates of how many.
import assert from "node:assert/strict";

import { within } from "./checks.js";

const palermo = { longitude: 13.361389, latitude: 38.115556, member: "Palermo" };
const catania = { longitude: 15.087269, latitude: 37.502669, member: "Catania" };
const near = { type: "FROMLONLAT", coordinate: { lon: 15, lat: 37 } };
const circle = { type: "BYRADIUS", radius: 200, radiusType: "KM" };

export const places = {
  async geoadd(redis) {
    assert.equal(await redis.geoadd("geo", palermo, catania), 2);
    assert.equal(await redis.geoadd("geo", { nx: true }, { ...palermo, longitude: 1 }), 0);
    assert.equal(
      await redis.geoadd("geo", { ch: true, xx: true }, { ...palermo, longitude: 1 }),
      1,
    );
    within((await redis.geopos("geo", "Palermo"))[0].lng, 0.9999, 1.0001);
  },

  async geodist(redis) {
    await redis.geoadd("geo", palermo, catania);
    assert.equal(await redis.geodist("geo", "Palermo", "Catania"), 166274.1516);
    assert.equal(await redis.geodist("geo", "Palermo", "Catania", "KM"), 166.2742);
    assert.equal(await redis.geodist("geo", "Palermo", "missing"), null);
    // Four decimals, although the last are zeros: not a number to the client then.
    await redis.geoadd("geo", { longitude: 0, latitude: 0.0001, member: "same" });
    assert.equal(await redis.geodist("geo", "same", "same"), "0.0000");
  },

  async geohash(redis) {
    await redis.geoadd("geo", palermo, catania);
    assert.deepEqual(await redis.geohash("geo", "Palermo", "missing", "Catania"), [
      "sqc8b49rny0",
      null,
      "sqdtr74hyu0",
    ]);
    assert.deepEqual(await redis.geohash("geo", ["Palermo"]), ["sqc8b49rny0"]);
  },

  async geopos(redis) {
    await redis.geoadd("geo", palermo, catania);
    const [first, second, ...others] = await redis.geopos("geo", "Palermo", "missing", "Catania");
    assert.deepEqual(others, []);
    within(first.lng, 13.3613, 13.3614);
    within(first.lat, 38.1155, 38.1156);
    within(second.lng, 15.0872, 15.0873);
    within(second.lat, 37.5026, 37.5027);
  },

  async geosearch(redis) {
    await redis.geoadd("geo", palermo, catania);
    const search = (...args) => redis.geosearch("geo", ...args);
    assert.deepEqual(await search(near, circle, "ASC"), [
      { member: "Catania" },
      { member: "Palermo" },
    ]);
    const box = { type: "BYBOX", rect: { width: 400, height: 400 }, rectType: "KM" };
    const member = { type: "FROMMEMBER", member: "Palermo" };
    assert.deepEqual(await search(member, box, "DESC"), [
      { member: "Catania" },
      { member: "Palermo" },
    ]);
    const [found, ...others] = await search(near, circle, "ASC", {
      count: { limit: 1 },
      withCoord: true,
      withDist: true,
      withHash: true,
    });
    assert.deepEqual(others, []);
    assert.equal(found.member, "Catania");
    assert.equal(found.dist, 56.4413);
    assert.equal(found.hash, "3479447370796909");
    within(found.coord.long, 15.0872, 15.0873);
    within(found.coord.lat, 37.5026, 37.5027);
  },

  async geosearchstore(redis) {
    await redis.geoadd("geo", palermo, catania);
    const store = (options) => redis.geosearchstore("found", "geo", near, circle, "ASC", options);
    assert.equal(await store(), 2);
    assert.deepEqual(await redis.zrange("found", 0, -1), ["Palermo", "Catania"]);
    assert.equal(await store({ storeDist: true, count: { limit: 1 } }), 1);
    const [member, distance] = await redis.zrange("found", 0, -1, { withScores: true });
    assert.equal(member, "Catania");
    within(distance, 56.4412, 56.4414);
  },
};

export const estimates = {
  async pfadd(redis) {
    assert.equal(await redis.pfadd("log", "a", "b"), 1);
    assert.equal(await redis.pfadd("log", "a"), 0);
  },

  async pfcount(redis) {
    await redis.pfadd("log", "a", "b", "c");
    await redis.pfadd("other", "c", "d");
    assert.equal(await redis.pfcount("log"), 3);
    assert.equal(await redis.pfcount("log", "other"), 4);
    assert.equal(await redis.pfcount("missing"), 0);
  },

  async pfmerge(redis) {
    await redis.pfadd("log", "a", "b", "c");
    await redis.pfadd("other", "c", "d");
    assert.equal(await redis.pfmerge("all", "log", "other"), "OK");
    assert.equal(await redis.pfcount("all"), 4);
  },
};

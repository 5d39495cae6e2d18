// npm install --save-dev testcontainers @upstash/redis tsx
// node --import tsx --test pkv.test.ts
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Redis } from "@upstash/redis";
import { GenericContainer, type StartedTestContainer, Wait } from "testcontainers";

const token = "example_token";
let pkv: StartedTestContainer;
let redis: Redis;

before(async () => {
  pkv = await new GenericContainer("pkv")
    .withEnvironment({ SRH_TOKEN: token })
    .withExposedPorts(7860)
    .withWaitStrategy(Wait.forHttp("/ready", 7860))
    .start();
  redis = new Redis({ url: `http://${pkv.getHost()}:${pkv.getMappedPort(7860)}`, token });
});
after(() => pkv?.stop());

test("what is set can be read", async () => {
  assert.equal(await redis.set("user:1", { name: "Ada" }), "OK");
  assert.deepEqual(await redis.get("user:1"), { name: "Ada" });
});

// A pkv of its own for the test file that imports this, more of them, and clients.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";

import { Redis } from "@upstash/redis";

/** Longest wait for anything, in milliseconds. */
export const DEADLINE = 30_000;

export const token = "token-of-the-sdk-tests";

/** Where the file's pkv serves, and its process; known in tests and hooks. */
export let url, pid;

// Started by a hook, not while the file is loaded: when loading fails, node ends without a chance
// to end pkv.
let stop;
before(async () => ({ url, pid, stop } = await start()));
after(() => stop?.());

/**
 * Starts a pkv with an empty database: its URL, its process, and what ends it as an operator would
 * and checks that it ends well.
 */
export async function start() {
  const directory = await mkdtemp(join(tmpdir(), "pkv-js-"));
  // Nothing of the caller's but the server to run may change what is tested.
  const inherited = Object.entries(process.env).filter(([name]) => !/^(SRH|PKV)_/.test(name));
  const pkv = spawn(process.env.PKV_BIN, {
    cwd: directory,
    env: {
      ...Object.fromEntries(inherited),
      PKV_REDIS_SERVER: process.env.PKV_REDIS_SERVER,
      PKV_BIND: "127.0.0.1",
      PKV_DATA_DIR: join(directory, "data"),
      SRH_PORT: "0",
      SRH_TOKEN: token,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const kill = () => pkv.kill("SIGKILL");
  process.once("exit", kill);
  const discard = async () => {
    kill();
    pkv.stdout.destroy();
    pkv.stderr.destroy();
    process.off("exit", kill);
    await rm(directory, { recursive: true, force: true });
  };

  const exited = once(pkv, "exit");
  const output = { banner: "", log: "" };
  const ready = new Promise((resolve) => {
    pkv.stdout.setEncoding("utf8").on("data", (text) => {
      output.banner += text;
      if (/^pkv ready in .+\n/m.test(output.banner)) resolve();
    });
  });
  pkv.stderr.setEncoding("utf8").on("data", (text) => (output.log += text));
  const early = exited.then(([code, signal]) => {
    throw new Error(`pkv ended before it was ready (${signal ?? code}):\n${said(output)}`);
  });
  try {
    await inTime(output, "to be ready", ready, early);
  } catch (error) {
    await discard();
    throw error;
  }

  const stop = async () => {
    try {
      pkv.kill("SIGTERM");
      const [code, signal] = await inTime(output, "to stop", exited);
      assert.deepEqual(
        { code, signal },
        { code: 0, signal: null },
        `pkv ended badly:\n${said(output)}`,
      );
    } finally {
      await discard();
    }
  };
  return { url: /^UPSTASH_REDIS_REST_URL=(.+)$/m.exec(output.banner)[1], pid: pkv.pid, stop };
}

const said = ({ banner, log }) => banner + log;

/** The first of the promises to settle, unless none does before the deadline. */
async function inTime(output, what, ...promises) {
  let timer;
  const late = new Promise((_, reject) => {
    const error = () => new Error(`pkv takes too long ${what}:\n${said(output)}`);
    timer = setTimeout(() => reject(error()), DEADLINE);
  });
  try {
    return await Promise.race([...promises, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A client that tries once and gives up at the deadline. */
export function connect(options) {
  return new Redis({
    url,
    token,
    enableTelemetry: false,
    retry: { retries: 0 },
    signal: () => AbortSignal.timeout(DEADLINE),
    ...options,
  });
}

/** A request without the client's help. */
export function request(path, { headers, ...options } = {}) {
  return fetch(url + path, {
    headers: { Authorization: `Bearer ${token}`, ...headers },
    signal: AbortSignal.timeout(DEADLINE),
    ...options,
  });
}

/** The HTTP requests that `action` makes, with the headers sent and received. */
export async function requestsOf(action) {
  const { fetch } = globalThis;
  const requests = [];
  globalThis.fetch = async (url, options) => {
    const response = await fetch(url, options);
    requests.push({
      path: new URL(url).pathname,
      sent: new Headers(options.headers),
      received: response.headers,
    });
    return response;
  };
  try {
    await action();
  } finally {
    globalThis.fetch = fetch;
  }
  return requests;
}

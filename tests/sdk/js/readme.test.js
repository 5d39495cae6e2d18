// The README's JavaScript does what the README says.
//
// A code block is tested if it follows the line `<!-- tested: tests/sdk -->`, with nothing but
// blank lines in between. It is run as a program, with an empty database and the client's two
// variables set. What it prints must be the texts of its `// => text` comments: these lines, in
// this order, and no others. python/test_readme.py does the same with its `# => text`.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { connect, DEADLINE, token, url } from "./pkv.js";

let readme;
let blocks;
before(async () => {
  readme = await readFile(process.env.PKV_README, "utf8");
  const marked = /^<!-- tested: tests\/sdk -->\s*^```(\w*)\n(.*?)^```$/gms;
  blocks = [...readme.matchAll(marked)].map(([, language, code]) => ({ language, code }));
});

test("every block that is marked as tested is JavaScript or Python", () => {
  const markers = readme.match(/<!-- tested: tests\/sdk -->/g) ?? [];
  assert.equal(blocks.length, markers.length, "a marker without a code block");
  for (const { language } of blocks) assert.ok(["js", "python"].includes(language), language);
});

test("the JavaScript blocks print what they say", async () => {
  const tested = blocks.filter(({ language }) => language === "js");
  assert.notEqual(tested.length, 0, "the README has no JavaScript block that is marked as tested");
  for (const { code } of tested) {
    const says = [...code.matchAll(/\/\/ => (.*)$/gm)].map(([, text]) => text.trimEnd());
    assert.notEqual(says.length, 0, `no line of this block says what it prints:\n${code}`);
    await connect().flushdb();
    assert.deepEqual(await linesPrintedBy(code), says);
  }
});

/** Runs a program as a user would: in a directory of its own with the client installed. */
async function linesPrintedBy(code) {
  const directory = await mkdtemp(join(tmpdir(), "pkv-readme-"));
  try {
    const installed = fileURLToPath(new URL("node_modules", import.meta.url));
    await symlink(installed, join(directory, "node_modules"));
    await writeFile(join(directory, "snippet.mjs"), code);
    const { stdout } = await promisify(execFile)(process.execPath, ["snippet.mjs"], {
      cwd: directory,
      env: {
        ...process.env,
        UPSTASH_REDIS_REST_URL: url,
        UPSTASH_REDIS_REST_TOKEN: token,
        UPSTASH_DISABLE_TELEMETRY: "1",
      },
      timeout: DEADLINE,
    });
    return stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.trimEnd());
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

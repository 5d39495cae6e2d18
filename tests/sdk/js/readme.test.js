// The README's JavaScript and shell commands do what the README says.
//
// A code block is tested if it follows the line `<!-- tested: tests/sdk -->`, with nothing but
// blank lines in between. It is run as a program, with an empty database and the client's two
// variables set. What it prints must be the texts of its `// => text` comments: these lines, in
// this order, and no others (`# => text` in the shell). python/test_readme.py does the same.
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

/** How a language's programs are run, and how its comments begin. */
const languages = {
  js: { program: process.execPath, file: "snippet.mjs", comment: "//" },
  sh: { program: "bash", file: "snippet.sh", comment: "#" },
};

test("every block that is marked as tested is one that can be run", () => {
  const markers = readme.match(/<!-- tested: tests\/sdk -->/g) ?? [];
  assert.equal(blocks.length, markers.length, "a marker without a code block");
  const known = [...Object.keys(languages), "python"];
  for (const { language } of blocks) assert.ok(known.includes(language), language);
});

for (const language of Object.keys(languages)) {
  test(`the ${language} blocks print what they say`, async () => {
    const tested = blocks.filter((block) => block.language === language);
    assert.notEqual(tested.length, 0, `the README has no ${language} block that is marked as tested`);
    for (const { code } of tested) {
      const says = new RegExp(`${languages[language].comment} => (.*)$`, "gm");
      const said = [...code.matchAll(says)].map(([, text]) => text.trimEnd());
      assert.notEqual(said.length, 0, `no line of this block says what it prints:\n${code}`);
      await connect().flushdb();
      assert.deepEqual(await linesPrintedBy(code, languages[language]), said);
    }
  });
}

/** Runs a program as a user would: in a directory of its own with the client installed. */
async function linesPrintedBy(code, { program, file }) {
  const directory = await mkdtemp(join(tmpdir(), "pkv-readme-"));
  try {
    const installed = fileURLToPath(new URL("node_modules", import.meta.url));
    await symlink(installed, join(directory, "node_modules"));
    await writeFile(join(directory, file), code);
    const { stdout } = await promisify(execFile)(program, [file], {
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

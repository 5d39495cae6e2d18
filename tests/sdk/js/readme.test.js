// The README's JavaScript and shell commands do what the README says.
//
// A code block is tested if it follows the line `<!-- tested: tests/sdk -->`, with nothing but
// blank lines in between. It is run as a program, with an empty database and, for JavaScript, the
// variables of the `dotenv` block and no others. What it prints must be the texts of its
// `// => text` comments: these lines, in this order, and no others (`# => text` in the shell, where
// a block that says nothing has to succeed). python/test_readme.py does the same.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
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
  js: { program: process.execPath, file: "snippet.mjs", comment: "//", environment: asTheBlockSays },
  sh: { program: "bash", file: "snippet.sh", comment: "#", environment: asInAShell, prelude: shell() },
};

/** The `dotenv` block's variables, with the URL and token of the pkv that is tested. */
function asTheBlockSays() {
  const [{ code }] = blocks.filter((block) => block.language === "dotenv");
  const mine = code.replaceAll("http://localhost:7860", url).replaceAll("example_token", token);
  const variables = mine.trim().split("\n").map((line) => line.split(/=(.*)/, 2));
  return { PATH: process.env.PATH, ...Object.fromEntries(variables) };
}

/** A shell in which pkv is installed and finds the one that is tested. */
function asInAShell(directory) {
  return {
    ...process.env,
    PATH: `${directory}/bin:${process.env.PATH}`,
    GITHUB_ENV: join(directory, "github-env"),
    npm_config_loglevel: "silent",
    UPSTASH_REDIS_REST_URL: url,
    UPSTASH_REDIS_REST_TOKEN: token,
    SRH_PORT: new URL(url).port,
    SRH_TOKEN: token,
  };
}

/** Answers that end a line, errors that count, and of a stream (-N) its beginning. */
function shell() {
  return `set -euo pipefail
curl() {
  case " $* " in
    *" -N "*) command curl --silent --max-time 10 "$@" | head -n 1 || true ;;
    *) command curl --silent --show-error "$@" ;;
  esac
  echo
}
`;
}

test("every block that is marked as tested is one that can be run", () => {
  const markers = readme.match(/<!-- tested: tests\/sdk -->/g) ?? [];
  assert.equal(blocks.length, markers.length, "a marker without a code block");
  const known = [...Object.keys(languages), "python", "dotenv"];
  for (const { language } of blocks) assert.ok(known.includes(language), language);
});

test("pkv env prints the dotenv block", async () => {
  const [{ code }] = blocks.filter((block) => block.language === "dotenv");
  const env = { PATH: process.env.PATH, SRH_TOKEN: "example_token" };
  const { stdout } = await promisify(execFile)(process.env.PKV_BIN, ["env"], { env });
  assert.equal(stdout, code);
});

for (const language of Object.keys(languages)) {
  test(`the ${language} blocks print what they say`, async () => {
    const tested = blocks.filter((block) => block.language === language);
    assert.notEqual(tested.length, 0, `the README has no ${language} block that is marked as tested`);
    for (const { code } of tested) {
      const says = new RegExp(`${languages[language].comment} => (.*)$`, "gm");
      const said = [...code.matchAll(says)].map(([, text]) => text.trimEnd());
      if (language === "js") assert.notEqual(said.length, 0, `it says nothing:\n${code}`);
      await connect().flushdb();
      assert.deepEqual(await linesPrintedBy(code, languages[language]), said);
    }
  });
}

/** A project with the client installed and a test that needs a Redis. */
async function makeProject(directory) {
  const installed = fileURLToPath(new URL("node_modules", import.meta.url));
  await symlink(installed, join(directory, "node_modules"));
  await mkdir(join(directory, "bin"));
  await symlink(process.env.PKV_BIN, join(directory, "bin/pkv"));
  await writeFile(join(directory, "photo.jpg"), Buffer.from([0xff, 0xd8, 0x00, 0x0a]));
  await writeFile(join(directory, "package.json"), '{ "scripts": { "test": "node check.mjs" } }');
  await writeFile(
    join(directory, "check.mjs"),
    `import { Redis } from "@upstash/redis";
     const redis = Redis.fromEnv();
     if ((await redis.dbsize()) !== 0 || (await redis.set("k", "v")) !== "OK") process.exit(1);`,
  );
}

/** Runs a program as a user would: in a directory of its own. */
async function linesPrintedBy(code, { program, file, environment, prelude = "" }) {
  const directory = await mkdtemp(join(tmpdir(), "pkv-readme-"));
  try {
    await makeProject(directory);
    await writeFile(join(directory, file), prelude + code);
    const { stdout } = await promisify(execFile)(program, [file], {
      cwd: directory,
      env: { ...environment(directory), UPSTASH_DISABLE_TELEMETRY: "1" },
      timeout: DEADLINE,
    });
    const lines = stdout.split("\n").map((line) => line.trimEnd());
    return lines.filter((line) => line !== "");
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { commands } from "../commands.ts";

const berth = fileURLToPath(new URL("../../../bin/berth", import.meta.url));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command in a pipe, with these variables besides. */
function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(berth, args, { env: { ...process.env, ...env } }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
  });
}

test("the page of berth names every command in its group", async () => {
  const { code, stdout } = await run(["--help"]);
  assert.equal(code, 0);
  for (const { name, about } of commands) assert.match(stdout, new RegExp(`^ {4}${name} +${about}$`, "m"));
  for (const heading of [
    "NAME",
    "SYNOPSIS",
    "DESCRIPTION",
    "IMAGES",
    "EXAMPLES",
    "EXIT STATUS",
    "ENVIRONMENT",
  ])
    assert.match(stdout, new RegExp(`^${heading}$`, "m"));
  assert.ok(
    stdout.split("\n").every((line) => line.length <= 80),
    "a line is longer than 80 characters",
  );
});

for (const { name } of commands) {
  test(`berth ${name} --help and berth help ${name}: synopsis, description, examples, exit status`, async () => {
    const [page, same] = await Promise.all([run([name, "--help"]), run(["help", name])]);
    assert.deepEqual([page.code, page.stderr], [0, ""]);
    assert.equal(page.stdout, same.stdout);
    assert.match(page.stdout, new RegExp(`^NAME\n    berth ${name} - \\S`));
    assert.match(page.stdout, new RegExp(`^SYNOPSIS\n    berth ${name}`, "m"));
    assert.match(page.stdout, /^DESCRIPTION\n {4}[A-Z]/m);
    assert.match(page.stdout, /^EXAMPLES\n {4}\S.*\n(.*\n)*? {6}\S/m);
    assert.match(page.stdout, /^EXIT STATUS\n {4}0/m);
    assert.doesNotMatch(page.stdout, /undefined|\[object/);
  });
}

test("berth --version says the command's own", async () => {
  const { code, stdout } = await run(["--version"]);
  assert.equal(code, 0);
  assert.match(stdout, /^berth \d+\.\d+\.\d+\n$/);
});

test("the page of a command within another", async () => {
  const { code, stdout } = await run(["help", "config", "show"]);
  assert.equal(code, 0);
  assert.match(stdout, /^SYNOPSIS\n {4}berth config show/m);
});

test("an unknown command or option is told with the nearest known name, and exits with 2", async () => {
  const cases: [string[], RegExp][] = [
    [["pss"], /^berth: unknown command 'pss'; did you mean ps\?\n\(see `berth --help`\)\n$/],
    [["help", "imags"], /^berth: there is no command "imags"; did you mean images\?\n$/],
    [
      ["ps", "--quite"],
      /^berth: unknown option '--quite'; did you mean --quiet\?\n\(see `berth ps --help`\)\n$/,
    ],
    [["start"], /^berth: missing required argument 'container'\n\(see `berth start --help`\)\n$/],
    [["ps", "-o", "xml"], /^berth: option .* 'xml' is invalid. Allowed choices are table, json, yaml/],
    [["stop"], /^berth: name what to stop, or say --all\n$/],
    [["rm"], /^berth: name what to remove, or say --all\n$/],
    [["stop", "-t", "soon", "x"], /^berth: option .* 'soon' is invalid. a duration is a number/],
  ];
  await Promise.all(
    cases.map(async ([args, said]) => {
      const { code, stdout, stderr } = await run(args);
      assert.deepEqual([code, stdout], [2, ""], args.join(" "));
      assert.match(stderr, said);
    }),
  );
});

test("what a script gets has no colours unless it asks for them", async () => {
  const plain = await run(["ps", "--help"]);
  const coloured = await run(["ps", "--help"], { FORCE_COLOR: "1" });
  assert.ok(coloured.stdout.startsWith("\u001b[1mNAME\u001b[22m\n"), coloured.stdout);
  assert.equal(stripVTControlCharacters(coloured.stdout), plain.stdout);
  assert.equal(stripVTControlCharacters(plain.stdout), plain.stdout);
  const forbidden = await run(["ps", "--help"], { FORCE_COLOR: "1", NO_COLOR: "1" });
  assert.equal(forbidden.stdout, plain.stdout);
});

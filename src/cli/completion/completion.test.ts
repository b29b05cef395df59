import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { dirname } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const berth = fileURLToPath(new URL("../../../bin/berth", import.meta.url));
const run = promisify(execFile);
const env = { ...process.env, PATH: `${dirname(berth)}:${process.env.PATH}`, TERM: "dumb", FORCE_COLOR: "" };

/** The words that are offered after these, the last of which is being typed. */
async function offered(...words: string[]): Promise<string[]> {
  const { stdout } = await run(berth, ["__complete", ...words]);
  return stdout.split("\n").flatMap((line) => (line === "" ? [] : [line.split("\t")[0] ?? ""]));
}

/** What an interactive shell shows of lines that are typed into it, tabs among them. */
function typed(shell: string, lines: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn("script", ["-qec", shell, "/dev/null"], { env, stdio: ["pipe", "pipe", "inherit"] });
    let shown = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      shown += text;
    });
    child.on("error", reject).on("close", () => resolve(shown));
    child.stdin.end(lines.map((line) => `${line}\n`).join(""));
  });
}

const cases: readonly [words: string[], offered: string[]][] = [
  [["lo"], ["logs", "load"]],
  [["--end"], ["--endpoint"]],
  [["config", "sh"], ["show"]],
  [["help", "ver"], ["version"]],
  [["help", "config", "sh"], []],
  [
    ["completion", ""],
    ["bash", "zsh", "fish"],
  ],
  [["ps", "--qu"], ["--quiet"]],
  [["ps", "-o", "j"], ["json"]],
  [["ps", "-ao", "y"], ["yaml"]],
  [["ps", "--output=ya"], ["--output=yaml"]],
  [["ps", "--nothing=ya"], []],
  [["--config", "ps", "hist"], ["history"]],
  [["--config=x", "run", "--pull", "n"], ["never"]],
  [["serve", "--root", ""], [":files"]],
  [["load", "a.tar", ""], [":files"]],
  [["cp", "./no/such", "/tm"], [":files"]],
  [["run", "image", "--pu"], []],
  [["exec", "web", "ls", "--co"], []],
  [["pull", "--", "--cr"], []],
  [["logs", "--endpoint", "/no/such", "w"], []],
];

for (const [words, expected] of cases) {
  test(`completion of: berth ${words.join(" ")}`, async () => {
    assert.deepEqual(
      await offered(...words).catch((error) => (error.code === 3 ? [] : assert.fail(error))),
      expected,
    );
  });
}

test("bash completes at a tab", async () => {
  const shown = await typed("bash --norc --noprofile -i", [
    "source <(berth completion bash)",
    "berth versi\t--client",
    "berth --endpoint /no/such images --output\tjs\t-q",
    "berth serve --config=/no/su\t/such --help | grep -c SYNOPSIS",
    "exit",
  ]);
  assert.match(shown, /^berth \d.* on Node/m);
  assert.match(shown, /images --output json -q\r\n/);
  assert.match(shown, /^1\r$/m);
});

test("zsh completes at a tab", async () => {
  const setUp = "autoload -Uz compinit && compinit -D; source <(berth completion zsh)";
  const shown = await typed("zsh -f -i", [setUp, "berth versi\t--client", "exit"]);
  assert.match(shown, /^berth \d.* on Node/m);
});

test("fish completes, with descriptions", async () => {
  const script = 'berth completion fish | source; complete -C "berth log"; complete -C "berth ps --output=j"';
  const { stdout } = await run("fish", ["--no-config", "-c", script], { env });
  assert.equal(stdout, "logs\tshow what a container wrote\n--output=json\n");
});

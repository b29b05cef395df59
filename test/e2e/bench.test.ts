import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { figures } from "../../bench/figure-list.ts";
import { patience } from "../harness/patience.ts";
import { privileged } from "../harness/privileged.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The benchmark with the berth of this checkout, which needs no installation. */
function run(program: string, ...args: readonly string[]): Promise<Run> {
  const env = {
    ...process.env,
    BERTH_TEST_COMMAND: process.env.BERTH_TEST_COMMAND ?? join(root, "bin/berth"),
  };
  const command = ["--disable-warning=ExperimentalWarning", join(root, "bench", program), ...args];
  return new Promise((resolve) => {
    execFile(process.execPath, command, { env }, (error, stdout, stderr) =>
      resolve({
        code: error === null ? 0 : typeof error.code === "number" ? error.code : -1,
        stdout,
        stderr,
      }),
    );
  });
}

/** What mentions a directory of a daemon that the benchmark started. */
function leftOf(directory: string): string[] {
  const processes = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => commandLine(pid).includes(`${directory}/`));
  return [...processes.map((pid) => `process ${pid}`), ...(existsSync(directory) ? [directory] : [])];
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return ""; // it has ended
  }
}

/** In a guest nothing is as quick as it is; what it comes to says nothing. */
const quickOnly = patience === 1 ? {} : { skip: "NOT RUN: nothing can be measured on a machine this slow" };

describe("the benchmark", privileged, () => {
  test("measures everything of berth and of Debian's containerd, and leaves nothing", quickOnly, async () => {
    const directory = mkdtempSync("/tmp/berth-bench-test-");
    try {
      const json = join(directory, "readings.json");
      const { code, stdout, stderr } = await run("compare.ts", "--tiny", "--data", directory, "--json", json);
      assert.equal(code, 0, stderr);
      for (const name of ["berth, crun", "containerd 1.6"]) assert.match(stdout, new RegExp(`\\| ${name} `));
      const { readings } = JSON.parse(readFileSync(json, "utf8"));
      for (const { key, isNew } of figures) {
        const bySubject: Record<string, number[]> = readings[key] ?? {};
        const expected = isNew ? ["berth, crun"] : ["berth, crun", "containerd 1.6"];
        assert.deepEqual(Object.keys(bySubject).toSorted(), expected, key);
        for (const value of Object.values(bySubject).flat()) assert.ok(Number.isFinite(value), key);
      }
      const again = await run("compare.ts", "--table", json);
      assert.equal(again.stdout, stdout);
      const started = [...stderr.matchAll(/ is up: .*, (\/tmp\/\S+)$/gm)].map(([, path = ""]) => path);
      assert.equal(started.length, 2, stderr);
      assert.deepEqual(started.flatMap(leftOf), []);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });

  test("pulls small files in both compressions by berth and by Debian's containerd, and takes their file systems away", async () => {
    const directory = mkdtempSync("/tmp/berth-bench-test-");
    try {
      const small = ["--scale", "0.002", "--rounds", "1", "--only", "small", "--data", directory];
      const { code, stdout, stderr } = await run("pulls.ts", ...small);
      assert.equal(code, 0, stderr);
      for (const daemon of ["berth, crun", "containerd 1.6"])
        assert.equal(stdout.split("\n").filter((line) => line.includes(`| ${daemon} `)).length, 2, stdout);
      assert.doesNotMatch(stdout, /NaN|Infinity/);
      assert.deepEqual(readdirSync(directory), ["registry"]);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { berthCommand } from "./command.ts";
import type { Workspace } from "./workspace.ts";

const filterProgram = fileURLToPath(new URL("without-system-calls.ts", import.meta.url));

interface Finding {
  readonly check: string;
  readonly severity: "ok" | "note" | "warning" | "problem";
  readonly what: string;
  readonly why: string;
  readonly remedy: string;
}

/** What `berth doctor -o json` found, and what it exited with. */
export interface Examination {
  readonly code: number;
  readonly findings: readonly Finding[];
}

/** Where doctor runs, when that is not simply the host. */
export interface Surroundings {
  /** A script that plants a fault, in a mount namespace of its own that ends with doctor. */
  readonly plant?: string;
  /** Further namespaces for it, as flags of unshare. */
  readonly namespaces?: readonly string[];
  /** Numbers of system calls that the kernel is to lack. */
  readonly without?: readonly number[];
  /** A program and its arguments that run doctor. */
  readonly by?: readonly string[];
}

/** Runs `berth doctor` with these arguments (names of checks, options) for the berth of `workspace`. */
export async function examine(
  workspace: Workspace,
  args: readonly string[],
  { plant = "", namespaces = [], without = [], by = [] }: Surroundings = {},
): Promise<Examination> {
  const command = [
    "unshare",
    "--mount",
    "--propagation",
    "private",
    ...namespaces,
    "sh",
    "-ec",
    `${plant}\nexec "$@"`,
    "sh",
    ...by,
    ...(without.length === 0 ? [] : [process.execPath, filterProgram, without.join(","), "--"]),
    ...[berthCommand, "doctor", "--config", workspace.configFile, "-o", "json", ...args],
  ];
  const { code, stdout, stderr } = await run(command);
  assert.equal(stderr, "", `berth doctor ${args.join(" ")} complains`);
  return { code, ...(JSON.parse(stdout) as Pick<Examination, "findings">) };
}

function run([program = "", ...args]: readonly string[]) {
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    execFile(program, args, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

/** Fails unless one finding of that severity says this, and what to do. */
export function assertFound(
  { findings }: Examination,
  severity: Finding["severity"],
  what: RegExp,
  remedy?: RegExp,
): void {
  const found = findings.find((finding) => finding.severity === severity && what.test(finding.what));
  assert.ok(found, `a ${severity} that says ${what} is in ${JSON.stringify(findings, null, 1)}`);
  if (severity === "problem" || severity === "warning") {
    assert.notEqual(found.why, "", `${found.what}: why`);
    assert.notEqual(found.remedy, "", `${found.what}: what to do`);
  }
  if (remedy !== undefined) assert.match(found.remedy, remedy);
}

/** Fails when anything is worse than a note. */
export function assertHealthy({ findings, code }: Examination): void {
  const bad = findings.filter(({ severity }) => severity === "warning" || severity === "problem");
  assert.deepEqual(bad, []);
  assert.equal(code, 0);
}

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The `berth` command; an installed tree can be tested, too. */
export const berthCommand =
  process.env.BERTH_TEST_COMMAND ?? fileURLToPath(new URL("../../bin/berth", import.meta.url));

/** What a command line ended with. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the `berth` command to its end. */
export function runBerth(...args: readonly string[]): Promise<CommandResult> {
  return runProgram([berthCommand, ...args]);
}

/** Runs any program to its end; one that a signal ended has the code -1. */
export function runProgram([program = "", ...args]: readonly string[]): Promise<CommandResult> {
  return new Promise((resolve) => {
    execFile(program, args, { maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
  });
}

import { execFile } from "node:child_process";
import type { Ms } from "../../base/units.ts";

/** How a program ended: null when it could not be run, or did not end in time. */
export interface ProgramResult {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a program to its end, its output and errors together. Never throws. */
export function runProgram(path: string, args: readonly string[], within: Ms = 5000): Promise<ProgramResult> {
  return new Promise((resolve) => {
    execFile(path, args, { timeout: within, encoding: "utf8" }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : null;
      const said = `${stdout}${stderr}`.trim();
      resolve({ code, output: said === "" && error !== null ? error.message : said });
    });
  });
}

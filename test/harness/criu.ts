import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** Why CRIU can't work on this host; undefined: it can. The first one on the PATH of the tests is asked. */
export const criuProblem: string | undefined = await promisify(execFile)("criu", ["check"]).then(
  () => undefined,
  (error: Error) => error.message.trim().split("\n")[1] ?? error.message,
);

/** For `describe` and `test`: what needs a CRIU that works says loudly that it is left out. */
export const withCriu = criuProblem === undefined ? {} : { skip: `NOT RUN: criu check: ${criuProblem}` };

/** Daemons look for programs where the tests do: a CRIU that works may lie there before the distribution's. */
export const sameProgramPath = `path = "${process.env.PATH}"`;

import { Fault } from "../../base/fault.ts";
import type { Bytes, Ms } from "../../base/units.ts";
import type { Processes } from "../../linux/contract.ts";

/** How a snapshotter's programs are run. */
export interface Tools {
  readonly processes: Processes;
  /** Where they are looked up. */
  readonly path: string;
}

/** Far longer than any of them takes on a host that is well. */
const deadline: Ms = 120_000;
const maxOutput: Bytes = 16 << 20;
const maxTold = 500;

/**
 * Runs a program to its end.
 *
 * @returns what it printed
 * @throws {Fault} unavailable when there is no such program; internal with what it said when it failed
 */
export async function runTool(
  { processes, path }: Tools,
  [program = "", ...args]: readonly string[],
): Promise<string> {
  const command = { path: program, args, env: { PATH: path, LC_ALL: "C" }, maxOutput };
  const { code, signal, stdout, stderr } = await processes.run(command, AbortSignal.timeout(deadline));
  if (code === 0) return Buffer.from(stdout).toString("utf8");
  const said = Buffer.from(stderr).toString("utf8").trim().replaceAll("\n", "; ").slice(0, maxTold);
  throw new ToolFailed([program, ...args], said || `ended with ${code ?? signal}`);
}

/** A program that ended badly. */
export class ToolFailed extends Fault {
  /** What it printed on stderr, in one line. */
  readonly said: string;

  constructor(command: readonly string[], said: string) {
    super("internal", `${command.join(" ")}: ${said}`);
    this.said = said;
  }
}

import { readFile, rename, writeFile } from "node:fs/promises";
import type { Ms } from "../../base/units.ts";
import type { Processes } from "../contract.ts";
import { errnoOf } from "../libc.ts";
import { formatMask, parseMask } from "./masks.ts";

const deadline: Ms = 30_000;
const variable = "IRQBALANCE_BANNED_CPUS";
const assignment = new RegExp(`^${variable}=.*$`, "m");

/** The daemon that spreads interrupts, where the node has it: it would bring back what was taken away from a processor. */
export class Irqbalance {
  readonly #file: string;
  readonly #tools: { readonly processes: Processes; readonly path: string };

  /** @param file of its unit's environment; empty: it is left alone */
  constructor(file: string, tools: { readonly processes: Processes; readonly path: string }) {
    this.#file = file;
    this.#tools = tools;
  }

  /** The processors that it leaves alone; undefined: there is no such file. */
  async banned(): Promise<bigint | undefined> {
    const text = await this.#read();
    return text === undefined ? undefined : bannedIn(text);
  }

  /** Has it leave alone these processors and no others, from now on and after its next start. */
  async ban(processors: bigint): Promise<void> {
    const text = await this.#read();
    if (text === undefined || bannedIn(text) === processors) return;
    const line = `${variable}="${formatMask(processors)}"`;
    const changed = assignment.test(text)
      ? text.replace(assignment, line)
      : `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}${line}\n`;
    await writeFile(`${this.#file}.new`, changed, { mode: 0o644 });
    await rename(`${this.#file}.new`, this.#file);
    const { processes, path } = this.#tools;
    const args = ["--no-ask-password", "try-restart", "irqbalance.service"];
    const command = { path: "systemctl", args, env: { PATH: path }, maxOutput: 4096 };
    // one that is not under systemd reads the file when it is started anew
    await processes.run(command, AbortSignal.timeout(deadline)).catch(() => undefined);
  }

  async #read(): Promise<string | undefined> {
    if (this.#file === "") return undefined;
    try {
      return await readFile(this.#file, "utf8");
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return undefined;
      throw error;
    }
  }
}

function bannedIn(text: string): bigint {
  const value = assignment
    .exec(text)?.[0]
    .slice(variable.length + 1)
    .replaceAll(/["'\s]/g, "");
  return value === undefined || value === "" ? 0n : parseMask(value);
}

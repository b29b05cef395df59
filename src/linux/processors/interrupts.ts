import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formatMask, parseMask } from "./masks.ts";

/** By an interrupt's number, or "default", which new ones begin with: the mask of the processors that handled it before. */
export type InterruptMasks = Readonly<Record<string, string>>;

/** Which processors the node's interrupts may be handled on (kernel: core-api/irq/irq-affinity.rst). */
export class Interrupts {
  readonly #directory: string;

  /** @param directory `/proc/irq` */
  constructor(directory: string) {
    this.#directory = directory;
  }

  #file(name: string): string {
    return name === "default"
      ? join(this.#directory, "default_smp_affinity")
      : join(this.#directory, name, "smp_affinity");
  }

  /** All those that are handled on any of the processors. */
  async on(processors: bigint): Promise<InterruptMasks> {
    const numbers = (await readdir(this.#directory)).filter((name) => /^[0-9]+$/.test(name));
    const found: Record<string, string> = {};
    for (const name of ["default", ...numbers]) {
      const mask = await this.#read(name);
      if (mask !== undefined && (mask & processors) !== 0n) found[name] = formatMask(mask);
    }
    return found;
  }

  /** Takes them away from the processors. Those that can't move stay. */
  async keepAway(names: readonly string[], processors: bigint): Promise<void> {
    for (const name of names) await this.#write(name, (await this.#read(name)) ?? 0n, processors);
  }

  /** Has them handled where they were before, but not on `processors`. */
  async letBack(before: InterruptMasks, processors: bigint): Promise<void> {
    for (const [name, mask] of Object.entries(before)) await this.#write(name, parseMask(mask), processors);
  }

  async #read(name: string): Promise<bigint | undefined> {
    return await readFile(this.#file(name), "latin1").then(parseMask, () => undefined);
  }

  /** One that has no other processors goes where new ones go. */
  async #write(name: string, mask: bigint, without: bigint): Promise<void> {
    const wanted = mask & ~without || ((await this.#read("default")) ?? 0n) & ~without;
    if (wanted === 0n) return;
    const written = writeFile(this.#file(name), formatMask(wanted));
    // timers and queues that belong to one processor refuse (EIO, EPERM), as does what has just gone
    await (name === "default" ? written : written.catch(() => undefined));
  }
}

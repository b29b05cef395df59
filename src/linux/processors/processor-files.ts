import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "../../base/fault.ts";
import { systemFault } from "../libc.ts";

/** What can be set of one processor, and where (kernel: ABI/testing/sysfs-devices-power, admin-guide/pm/cpufreq.rst). */
const files = {
  resumeLatency: "power/pm_qos_resume_latency_us",
  governor: "cpufreq/scaling_governor",
} as const;

export type ProcessorFile = keyof typeof files;

/** A processor's files below `/sys/devices/system/cpu`. */
export class ProcessorFiles {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  #path(processor: number, file: string): string {
    return join(this.#directory, `cpu${processor}`, file);
  }

  /** @throws {Fault} notFound on a machine whose processors have no such file */
  async read(processor: number, file: ProcessorFile): Promise<string> {
    try {
      return (await readFile(this.#path(processor, files[file]), "latin1")).trim();
    } catch (error) {
      throw systemFault(`reading the ${file} of processor ${processor}`, error);
    }
  }

  async write(processor: number, file: ProcessorFile, value: string): Promise<void> {
    try {
      await writeFile(this.#path(processor, files[file]), value);
    } catch (error) {
      throw systemFault(`writing "${value}" to ${this.#path(processor, files[file])}`, error);
    }
  }

  /** @throws {Fault} invalid for a governor that the processor has not */
  async requireGovernor(processor: number, governor: string): Promise<void> {
    const path = this.#path(processor, "cpufreq/scaling_available_governors");
    const known = await readFile(path, "latin1").catch(() => "");
    if (known.trim().split(/\s+/).includes(governor)) return;
    const has = known.trim() === "" ? "none: the node does not set its frequency" : known.trim();
    throw new Fault("invalid", `processor ${processor} has no governor "${governor}"; it has ${has}`);
  }
}

/** A processor and those on the same core, as a list; itself alone where the kernel does not tell. */
export async function threadSiblings(
  processor: number,
  directory = "/sys/devices/system/cpu",
): Promise<string> {
  const path = join(directory, `cpu${processor}`, "topology", "thread_siblings_list");
  const told = await readFile(path, "latin1").catch(() => "");
  return told.trim() || String(processor);
}

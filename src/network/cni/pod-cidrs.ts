import { readFile, rename, writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { Fault } from "../../base/fault.ts";

/** The pod CIDRs that the kubelet gave last, in a file: it does not repeat them when berth starts anew. */
export class PodCidrs {
  readonly #file: string;
  #now: readonly string[] = [];

  private constructor(file: string) {
    this.#file = file;
  }

  static async open(directory: string): Promise<PodCidrs> {
    const cidrs = new PodCidrs(join(directory, "pod-cidrs.json"));
    try {
      const stored: unknown = JSON.parse(await readFile(cidrs.#file, "utf8"));
      if (Array.isArray(stored) && stored.every(isCidr)) cidrs.#now = stored;
    } catch {
      // None was given yet, or the file was cut short: the kubelet gives them again when it starts.
    }
    return cidrs;
  }

  now(): readonly string[] {
    return this.#now;
  }

  /** @throws {Fault} invalid */
  async set(cidrs: readonly string[]): Promise<void> {
    for (const cidr of cidrs) if (!isCidr(cidr)) throw new Fault("invalid", `pod CIDR: "${cidr}" is none`);
    await writeFile(`${this.#file}.new`, JSON.stringify(cidrs), { mode: 0o600 });
    await rename(`${this.#file}.new`, this.#file);
    this.#now = [...cidrs];
  }
}

function isCidr(value: unknown): value is string {
  const [, address = "", bits = ""] =
    /^([^/%]+)\/(\d{1,3})$/.exec(typeof value === "string" ? value : "") ?? [];
  const family = isIP(address);
  return family !== 0 && Number(bits) <= (family === 4 ? 32 : 128);
}

import { Fault } from "../../base/fault.ts";
import type { Bytes } from "../../base/units.ts";
import { runTool, ToolFailed, type Tools } from "../volumes/run-tool.ts";

/** What device-mapper counts in. */
const sectorBytes = 512;

/** A part of a pool's devices: how much of how much is taken, in blocks. */
export interface PoolShare {
  readonly used: number;
  readonly total: number;
}

/** What `dmsetup status` tells of a thin pool (kernel: Documentation/admin-guide/device-mapper/thin-provisioning.rst). */
export interface PoolStatus {
  readonly metadata: PoolShare;
  readonly data: PoolShare;
  /** `rw`, or why nothing is written: `ro`, `out_of_data_space`, `Fail`. */
  readonly mode: string;
  readonly needsCheck: boolean;
}

/** @throws {Fault} unavailable for another kind of device */
export function parsePoolStatus(line: string): PoolStatus {
  const [, , target, ...words] = line.trim().split(/\s+/);
  if (target !== "thin-pool")
    throw new Fault("unavailable", `it is no thin pool, but of type ${target ?? "none"}`);
  const none = { used: 0, total: 0 };
  if (words[0] === "Fail" || words[0] === "Error")
    return { metadata: none, data: none, mode: words[0], needsCheck: true };
  const [, metadata = "", data = "", , mode = ""] = words;
  return {
    metadata: parseShare(metadata),
    data: parseShare(data),
    mode,
    needsCheck: words.includes("needs_check"),
  };
}

/** How much of the pool a device takes, shared with others or not, by its line of `dmsetup status`. @throws {Fault} corrupt */
export function parseMapped(line: string): Bytes {
  const [, , target, sectors = ""] = line.trim().split(/\s+/);
  if (target !== "thin" || !/^[0-9]+$/.test(sectors))
    throw new Fault("corrupt", `not the status of a thin device: ${line.trim()}`);
  return Number(sectors) * sectorBytes;
}

function parseShare(text: string): PoolShare {
  const [used, total] = text.split("/").map(Number);
  return { used: used ?? 0, total: total ?? 0 };
}

/** The thin devices of one pool, by `dmsetup`. */
export class ThinPool {
  readonly #tools: Tools;
  readonly #pool: string;

  /** @param pool its name in /dev/mapper */
  constructor(tools: Tools, pool: string) {
    this.#tools = tools;
    this.#pool = pool;
  }

  #run(...args: readonly string[]): Promise<string> {
    return runTool(this.#tools, ["dmsetup", ...args]);
  }

  #message(...words: readonly (string | number)[]): Promise<string> {
    return this.#run("message", this.#pool, "0", words.join(" "));
  }

  async status(): Promise<PoolStatus> {
    return parsePoolStatus(await this.#run("status", this.#pool));
  }

  /** The path of a device that is active. */
  pathOf(device: string): string {
    return `/dev/mapper/${device}`;
  }

  /** @returns false when the id is taken */
  async createThin(id: number): Promise<boolean> {
    return this.#created("create_thin", id);
  }

  /**
   * A device that begins as another one, which is not in use or stands still meanwhile.
   * @returns false when the id is taken
   */
  async createSnapshot(id: number, origin: number): Promise<boolean> {
    return this.#created("create_snap", id, origin);
  }

  async #created(...words: readonly (string | number)[]): Promise<boolean> {
    try {
      await this.#message(...words);
      return true;
    } catch (error) {
      if (error instanceof ToolFailed && error.said.includes("File exists")) return false;
      throw error;
    }
  }

  /** Gives a device's blocks back to the pool. Succeeds when it is not there. */
  async delete(id: number): Promise<void> {
    await this.#message("delete", id).catch((error: unknown) => {
      if (!(error instanceof ToolFailed && error.said.includes("No data available"))) throw error;
    });
  }

  async isActive(device: string): Promise<boolean> {
    try {
      await this.#run("info", "--columns", "--noheadings", "-o", "name", device);
      return true;
    } catch (error) {
      if (error instanceof ToolFailed && /No such device|does not exist/.test(error.said)) return false;
      throw error;
    }
  }

  /** Whether anybody has it open, such as by a mount. */
  async isInUse(device: string): Promise<boolean> {
    const count = await this.#run("info", "--columns", "--noheadings", "-o", "open", device);
    return Number(count.trim()) > 0;
  }

  /** How much of the pool an active device takes. */
  async mapped(device: string): Promise<Bytes> {
    return parseMapped(await this.#run("status", device));
  }

  /** Makes the block device of a thin device, if it is not there. */
  async activate(device: string, id: number, size: Bytes, mode: "ro" | "rw"): Promise<void> {
    if (await this.isActive(device)) return;
    const table = `0 ${Math.floor(size / sectorBytes)} thin ${this.pathOf(this.#pool)} ${id}`;
    const readonly = mode === "ro" ? ["--readonly"] : [];
    // Where udev makes the nodes it is waited for, and put right where it did not.
    await this.#run("create", device, "--verifyudev", ...readonly, "--table", table);
  }

  /** Takes the block device away. Succeeds when it is not there. @throws {Fault} internal while it is in use */
  async deactivate(device: string): Promise<void> {
    if (await this.isActive(device)) await this.#run("remove", "--verifyudev", "--retry", device);
  }

  /** Does `act` while nothing is written to a device that is active. */
  async whileStill<T>(device: string, act: () => Promise<T>): Promise<T> {
    if (!(await this.isActive(device))) return act();
    await this.#run("suspend", device);
    try {
      return await act();
    } finally {
      await this.#run("resume", device);
    }
  }
}

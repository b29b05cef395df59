import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Bytes } from "../../src/base/units.ts";
import { eventually } from "./pods.ts";

const control = "/sys/class/zram-control";

/** Why there are none here; false: there are. */
export const noFailingDisks = hasZram() ? false : "NOT RUN: needs a kernel with zram";

function hasZram(): boolean {
  if (!existsSync(control)) spawnSync("/sbin/modprobe", ["zram"]); // where it is a module, and this is root
  return existsSync(control);
}

/** A disk in memory (zram) that fails every write when it is told to. What was written before can be read. */
export class FailingDisk {
  readonly device: string;
  readonly #id: string;

  /** @param size of which only what is written takes memory */
  constructor(size: Bytes) {
    this.#id = readFileSync(`${control}/hot_add`, "latin1").trim();
    this.device = `/dev/zram${this.#id}`;
    this.#set("disksize", size);
  }

  /** A line for `prepare`: makes a file system and mounts it. */
  mountedAt(at: string, type: "ext4" | "xfs"): string {
    return `mkdir -p ${at}; mkfs.${type} -q ${this.device}; mount ${this.device} ${at}`;
  }

  set isFailing(failing: boolean) {
    this.#set("mem_limit", failing ? 1 : 0); // less than it has: no page is taken any more
  }

  #set(name: string, value: number): void {
    writeFileSync(`/sys/block/zram${this.#id}/${name}`, String(value));
  }

  /** Once nobody has it mounted. */
  async remove(): Promise<void> {
    await eventually("the failing disk to be free", 30_000, async () => {
      try {
        this.#set("reset", 1);
        return true;
      } catch {
        return undefined; // a mount namespace takes its time to go
      }
    });
    writeFileSync(`${control}/hot_remove`, this.#id);
  }
}

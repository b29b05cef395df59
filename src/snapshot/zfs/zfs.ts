import { mkdir, rmdir, statfs } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describeFault } from "../../base/fault.ts";
import type { Ms } from "../../base/units.ts";
import { hostMounts } from "../../linux/mounts.ts";
import type { MappedSnapshots, SnapshotMount, SnapshotUsage } from "../contract.ts";
import type { OpenTree, Volumes } from "../volumes/contract.ts";
import { runTool, ToolFailed, type Tools } from "../volumes/run-tool.ts";
import { tryOne } from "../volumes/try-one.ts";

/** The snapshot of a sealed dataset, which its copies are made from. */
const sealed = "sealed";
/** A property of a sealed dataset: how many files it has. */
const inodesProperty = "berth:inodes";
/** A dataset stays busy for a moment when its last mount has gone. */
const busyTries = 30;
const busyWait: Ms = 100;

/**
 * Trees as datasets below one of the operator's: a layer's is sealed by a snapshot, of which those on top are clones. They are
 * mounted below `<root>/m`: a container's as long as it is there, a layer's while it is read.
 */
export class ZfsVolumes implements Volumes {
  readonly name = "zfs";
  readonly #root: string;
  readonly #dataset: string;
  readonly #tools: Tools;
  /** Layers that were mounted for containers to bind, which keep what they have bound. */
  readonly #shown = new Set<string>();

  constructor(root: string, dataset: string, tools: Tools) {
    this.#root = root;
    this.#dataset = dataset;
    this.#tools = tools;
  }

  async probe(mapped?: MappedSnapshots): Promise<string | undefined> {
    if (this.#dataset === "") return "snapshotters.zfs.dataset names no dataset";
    try {
      await this.#run("list", "-H", "-o", "name", this.#dataset);
      await mkdir(join(this.#root, "m"), { recursive: true, mode: 0o700 });
      await tryOne(this, mapped);
      return undefined;
    } catch (error) {
      return describeFault(error);
    }
  }

  #run(...args: readonly string[]): Promise<string> {
    return runTool(this.#tools, ["zfs", ...args]);
  }

  #named(name: string): string {
    return `${this.#dataset}/${name}`;
  }

  #path(name: string): string {
    return join(this.#root, "m", name);
  }

  async make(name: string, parent: string | undefined): Promise<void> {
    const options = ["-o", "canmount=noauto", "-o", `mountpoint=${this.#path(name)}`];
    try {
      if (parent === undefined) await this.#run("create", ...options, this.#named(name));
      else await this.#run("clone", ...options, `${this.#named(parent)}@${sealed}`, this.#named(name));
      await this.#mounted(name);
    } catch (error) {
      await this.remove(name);
      throw error;
    }
  }

  /** A snapshot waits until everything before it is on disk. */
  async seal(name: string): Promise<void> {
    const { inodes } = await this.#files(name);
    await this.#unmount(name);
    await this.#run("set", `${inodesProperty}=${inodes}`, this.#named(name));
    await this.#run("set", "readonly=on", this.#named(name));
    await this.#run("snapshot", `${this.#named(name)}@${sealed}`);
  }

  async #files(name: string): Promise<{ inodes: number }> {
    const { files, ffree } = await statfs(await this.#mounted(name));
    return { inodes: files - ffree };
  }

  async #isMounted(name: string): Promise<boolean> {
    return (await hostMounts().below(this.#path(name))).some(({ target }) => target === this.#path(name));
  }

  /** @returns where it is mounted */
  async #mounted(name: string): Promise<string> {
    const path = this.#path(name);
    if (await this.#isMounted(name)) return path;
    await mkdir(path, { recursive: true, mode: 0o700 });
    await this.#run("mount", this.#named(name));
    return path;
  }

  async #unmount(name: string): Promise<void> {
    this.#shown.delete(name);
    await hostMounts().unmount(this.#path(name));
    await rmdir(this.#path(name)).catch(() => undefined); // zfs may have done so, or never made it
  }

  async open(name: string): Promise<OpenTree> {
    const before = await this.#isMounted(name);
    const directory = await this.#mounted(name);
    const close = async () => {
      if (!before && (await this.#property("readonly", name)) === "on") await this.#unmount(name);
    };
    return { directory, [Symbol.asyncDispose]: close };
  }

  async #property(property: string, name: string): Promise<string> {
    return (await this.#run("get", "-Hp", "-o", "value", property, this.#named(name))).trim();
  }

  async mount(name: string, mode: "ro" | "rw"): Promise<SnapshotMount> {
    const source = await this.#mounted(name);
    if (mode === "ro") this.#shown.add(name);
    return { type: "bind", source, options: ["rbind", mode], unmapped: true };
  }

  /** As ZFS counts: with the next transaction group, some seconds after it was written. */
  async usage(name: string, parent: string | undefined): Promise<SnapshotUsage> {
    const bytes = Number(await this.#property("used", name));
    const { inodes } = await this.#files(name);
    const before = parent === undefined ? 0 : Number(await this.#property(inodesProperty, parent));
    return { bytes, inodes: Math.max(0, inodes - (before || 0)) };
  }

  async remove(name: string): Promise<void> {
    await this.#unmount(name);
    for (let tries = 0; ; tries++) {
      try {
        await this.#run("destroy", "-r", this.#named(name));
        break;
      } catch (error) {
        if (!(error instanceof ToolFailed)) throw error;
        if (error.said.includes("does not exist")) break;
        if (!error.said.includes("busy") || tries >= busyTries) throw error;
        await sleep(busyWait);
      }
    }
    await rmdir(this.#path(name)).catch(() => undefined);
    // A container that has gone may have been the last that wanted them to be shown.
    for (const layer of [...this.#shown]) await this.#unmount(layer);
  }

  async list(): Promise<string[]> {
    const listed = await this.#run("list", "-H", "-o", "name", "-t", "filesystem", "-r", this.#dataset);
    const beginning = this.#named("");
    return listed
      .split("\n")
      .flatMap((line) => (line.startsWith(beginning) ? [line.slice(beginning.length)] : []));
  }

  /** Whatever is sealed was written out by its snapshot. */
  async sync(): Promise<void> {}
}

import { mkdir, rmdir, statfs } from "node:fs/promises";
import { join } from "node:path";
import { describeFault, Fault } from "../../base/fault.ts";
import { KeyedLocks } from "../../base/lock.ts";
import type { Bytes } from "../../base/units.ts";
import type { Config } from "../../config/schema.ts";
import { systemFault } from "../../linux/libc.ts";
import { hostMounts } from "../../linux/mounts.ts";
import type { MappedSnapshots, SnapshotMount, SnapshotUsage } from "../contract.ts";
import type { OpenTree, Volumes } from "../volumes/contract.ts";
import { runTool, type Tools } from "../volumes/run-tool.ts";
import { tryOne } from "../volumes/try-one.ts";
import { type PoolStatus, ThinPool } from "./dmsetup.ts";
import { type ThinDevice, ThinIds } from "./thin-ids.ts";

type DevmapperSettings = Config["snapshotters"]["devmapper"];

/** How a file system is made and mounted that is all holes, and of which there are copies with the same UUID. */
const fileSystems = {
  ext4: {
    make: ["mkfs.ext4", "-q", "-m", "0", "-E", "nodiscard,lazy_itable_init=1,lazy_journal_init=1"],
    // What was never written reads as zeros: the kernel need not see to that, which would take space.
    options: ["noinit_itable"],
  },
  xfs: { make: ["mkfs.xfs", "-q", "-K"], options: ["nouuid"] },
} as const;

/** A pool that is so full soon takes nothing more. */
const nearlyFull = 0.95;

/**
 * Trees as file systems on thin devices of one pool: each is as large as the settings say, and takes what was written to it. A
 * layer's device is there only while it is read.
 */
export class DevmapperVolumes implements Volumes {
  readonly name = "devmapper";
  readonly #root: string;
  readonly #settings: DevmapperSettings;
  readonly #tools: Tools;
  readonly #pool: ThinPool;
  readonly #ids: ThinIds;
  /** By volume: it is not counted by a mount while it is given away. */
  readonly #counts = new KeyedLocks<string>();

  constructor(root: string, settings: DevmapperSettings, tools: Tools) {
    this.#root = root;
    this.#settings = settings;
    this.#tools = tools;
    this.#pool = new ThinPool(tools, settings.pool);
    this.#ids = new ThinIds(join(root, "thin"));
  }

  async probe(mapped?: MappedSnapshots): Promise<string | undefined> {
    if (this.#settings.pool === "") return "snapshotters.devmapper.pool names no thin pool";
    try {
      const problem = problemOf(await this.#pool.status());
      if (problem !== undefined) return `the thin pool ${this.#settings.pool} ${problem}`;
      for (const { target } of await hostMounts().below(join(this.#root, "m")))
        await hostMounts().unmount(target);
      await tryOne(this, mapped);
      return undefined;
    } catch (error) {
      return describeFault(error);
    }
  }

  #device(name: string): string {
    return `${this.#settings.pool}-${name}`;
  }

  async #thin(name: string): Promise<ThinDevice> {
    const thin = await this.#ids.find(name);
    if (thin === undefined) throw new Fault("notFound", `there is no thin device for the volume ${name}`);
    return thin;
  }

  async make(name: string, parent: string | undefined): Promise<void> {
    try {
      if (parent === undefined) await this.#makeEmpty(name);
      else await this.#makeCopy(name, parent);
    } catch (error) {
      await this.remove(name);
      throw error;
    }
  }

  async #makeEmpty(name: string): Promise<void> {
    const { baseSize, fileSystem } = this.#settings;
    const { id } = await this.#allocate(name, baseSize, (free) => this.#pool.createThin(free));
    await this.#pool.activate(this.#device(name), id, baseSize, "rw");
    await runTool(this.#tools, [...fileSystems[fileSystem].make, this.#pool.pathOf(this.#device(name))]);
    await using tree = await this.open(name);
    if (fileSystem === "ext4") await rmdir(join(tree.directory, "lost+found")); // e2fsck makes it when it needs it
  }

  async #makeCopy(name: string, parent: string): Promise<void> {
    const { id, size } = await this.#thin(parent);
    await this.#pool.whileStill(this.#device(parent), () =>
      this.#allocate(name, size, (free) => this.#pool.createSnapshot(free, id)),
    );
  }

  /** Records an id before a device is made with it. One that the pool has, though no record does, stays as it is. */
  async #allocate(name: string, size: Bytes, make: (id: number) => Promise<boolean>): Promise<ThinDevice> {
    for (;;) {
      const thin = await this.#ids.allocate(name, size);
      if (await make(thin.id)) return thin;
      await this.#ids.forget(name);
    }
  }

  async seal(name: string): Promise<void> {
    const thin = await this.#thin(name);
    const used = await this.#used(name);
    await this.#ids.put(name, { ...thin, used });
    await this.#pool.deactivate(this.#device(name));
  }

  async #used(name: string): Promise<SnapshotUsage> {
    await using tree = await this.open(name);
    const { blocks, bfree, bsize, files, ffree } = await statfs(tree.directory);
    return { bytes: (blocks - bfree) * bsize, inodes: files - ffree };
  }

  async open(name: string): Promise<OpenTree> {
    const { type, source, options } = await this.mount(name, (await this.#isSealed(name)) ? "ro" : "rw");
    const directory = join(this.#root, "m", name);
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await hostMounts().mount(source, directory, type, [...options, "private"]);
    } catch (error) {
      throw systemFault(`mounting the volume ${name}`, error);
    }
    const close = async () => {
      await hostMounts().unmount(directory);
      await rmdir(directory);
    };
    return { directory, [Symbol.asyncDispose]: close };
  }

  async #isSealed(name: string): Promise<boolean> {
    return (await this.#thin(name)).used !== undefined;
  }

  async mount(name: string, mode: "ro" | "rw"): Promise<SnapshotMount> {
    const { fileSystem, discard } = this.#settings;
    const { id, size, lent } = await this.#thin(name);
    await this.#pool.activate(this.#device(name), id, size, mode);
    if (lent !== undefined && (await this.#pool.isInUse(this.#device(name))))
      throw new Fault("wrongState", `the volume ${name} is on a device that a sandbox still has`, {
        hint: "two kernels must not mount it at once",
      });
    const options = [
      mode,
      ...fileSystems[fileSystem].options,
      ...(discard && mode === "rw" ? ["discard"] : []),
    ];
    return { type: fileSystem, source: this.#pool.pathOf(this.#device(name)), options, unmapped: true };
  }

  async lend(name: string): Promise<void> {
    using _count = await this.#counts.hold(name, new AbortController().signal);
    const thin = await this.#thin(name);
    await this.#ids.put(name, { ...thin, lent: await this.#pool.mapped(this.#device(name)) });
  }

  /**
   * By how much its file system has grown, or, of one that was given away, how much more of the pool it takes: what took the place
   * of something in the image is not counted. How many files there are only who mounts it knows.
   */
  async usage(name: string, parent: string | undefined): Promise<SnapshotUsage> {
    using _count = await this.#counts.hold(name, new AbortController().signal);
    const { id, size, lent } = await this.#thin(name);
    if (lent !== undefined) {
      await this.#pool.activate(this.#device(name), id, size, "rw");
      return { bytes: Math.max(0, (await this.#pool.mapped(this.#device(name))) - lent), inodes: 0 };
    }
    const own = await this.#used(name);
    const before = parent === undefined ? undefined : (await this.#thin(parent)).used;
    const beyond = (now: number, then = 0) => Math.max(0, now - then);
    return { bytes: beyond(own.bytes, before?.bytes), inodes: beyond(own.inodes, before?.inodes) };
  }

  async remove(name: string): Promise<void> {
    const thin = await this.#ids.find(name);
    if (thin === undefined) return;
    await this.#pool.deactivate(this.#device(name));
    await this.#pool.delete(thin.id);
    await this.#ids.forget(name);
  }

  list(): Promise<string[]> {
    return this.#ids.names();
  }

  /** A layer's file system was unmounted, which wrote it out, and the pool's records with it. */
  async sync(): Promise<void> {}
}

function problemOf({ mode, needsCheck, data, metadata }: PoolStatus): string | undefined {
  if (needsCheck) return `must be repaired (thin_check, thin_repair): its mode is ${mode}`;
  if (mode !== "rw") return `takes nothing: its mode is ${mode}`;
  for (const [what, { used, total }] of [
    ["data", data],
    ["metadata", metadata],
  ] as const)
    if (used >= total * nearlyFull)
      return `has no space left for ${what}: ${used} of ${total} blocks are in use`;
  return undefined;
}

import { mkdir, readdir, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { describeFault } from "../../base/fault.ts";
import {
  createSubvolume,
  destroySubvolume,
  isOnBtrfs,
  sealSubvolume,
  snapshotSubvolume,
} from "../../linux/btrfs.ts";
import { errnoOf, systemFault } from "../../linux/libc.ts";
import { syncFileSystem } from "../../linux/sync-file-system.ts";
import type { MappedSnapshots, SnapshotMount } from "../contract.ts";
import type { OpenTree, Volumes } from "../volumes/contract.ts";
import type { SnapshotWorkers } from "../workers.ts";

/** Trees as subvolumes of one btrfs: all that a container doesn't change it shares with its image, and the layers with each other. */
export class BtrfsVolumes implements Volumes {
  readonly name = "btrfs";
  readonly #root: string;
  readonly #workers: SnapshotWorkers;

  /** @param root the snapshotter's directory */
  constructor(root: string, workers: SnapshotWorkers) {
    this.#root = root;
    this.#workers = workers;
  }

  #path(name: string, root = this.#root): string {
    return join(root, "v", name);
  }

  async probe(mapped?: MappedSnapshots): Promise<string | undefined> {
    if (!isOnBtrfs(this.#root))
      return `${this.#root} does not lie on btrfs; snapshotter.btrfs.directory may name a directory that does`;
    try {
      await mkdir(join(this.#root, "v"), { recursive: true, mode: 0o700 });
      if (mapped === undefined) return undefined;
      const { uid } = await stat(join(mapped.at, "v"));
      return uid === mapped.users.uids.hostId
        ? undefined
        : `files in ${this.#root} keep their ids when they are bound with others`;
    } catch (error) {
      return describeFault(error);
    }
  }

  async make(name: string, parent: string | undefined): Promise<void> {
    const path = this.#path(name);
    if (parent === undefined) return this.#subvolume(path);
    await snapshotSubvolume(this.#path(parent), path).catch((error: unknown) => {
      throw systemFault(`making the subvolume ${path}`, error);
    });
  }

  readonly staging = {
    make: (path: string) => this.#subvolume(path),
    // A subvolume may be renamed, but nothing may be renamed out of one.
    adopt: async (path: string, name: string) => {
      await rename(path, this.#path(name)).catch((error: unknown) => {
        throw systemFault(`moving the subvolume ${path}`, error);
      });
    },
  };

  async #subvolume(path: string): Promise<void> {
    await createSubvolume(path).catch((error: unknown) => {
      throw systemFault(`making the subvolume ${path}`, error);
    });
  }

  async seal(name: string): Promise<void> {
    await sealSubvolume(this.#path(name)).catch((error: unknown) => {
      throw systemFault(`sealing the subvolume ${this.#path(name)}`, error);
    });
  }

  async open(name: string): Promise<OpenTree> {
    return { directory: this.#path(name), [Symbol.asyncDispose]: async () => undefined };
  }

  async mount(name: string, mode: "ro" | "rw", at: string | undefined): Promise<SnapshotMount> {
    return { type: "bind", source: this.#path(name, at), options: ["rbind", mode] };
  }

  async remove(name: string): Promise<void> {
    const path = this.#path(name);
    try {
      if (await destroySubvolume(path)) return;
      // A container may make subvolumes, but not remove them: emptied, they go as directories do.
      await this.#workers.run("remove", { directory: path });
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw systemFault(`removing the subvolume ${path}`, error);
    }
  }

  async list(): Promise<string[]> {
    return readdir(join(this.#root, "v"));
  }

  sync(): Promise<void> {
    return syncFileSystem(this.#root);
  }
}

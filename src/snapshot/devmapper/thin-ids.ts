import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Bytes } from "../../base/units.ts";
import { systemFault } from "../../linux/libc.ts";

/** A thin device of the pool. */
export interface ThinDevice {
  readonly id: number;
  readonly size: Bytes;
  /** What its file system had in use when it was sealed. */
  readonly used?: { readonly bytes: Bytes; readonly inodes: number };
  /** What it took of the pool when something else than this host was given it to mount. */
  readonly lent?: Bytes;
}

/** An id has 24 bits. */
const lastId = 2 ** 24 - 1;

/**
 * Which thin device of the pool is which volume's: a file for each volume, written before its device is made and removed after
 * it. A pool tells of its devices only to who stops it.
 */
export class ThinIds {
  readonly #directory: string;
  #loaded: Promise<Map<string, ThinDevice>> | undefined;
  /** Where the search for a free id goes on. */
  #next = 1;

  constructor(directory: string) {
    this.#directory = directory;
  }

  #all(): Promise<Map<string, ThinDevice>> {
    this.#loaded ??= this.#load().catch((error: unknown) => {
      this.#loaded = undefined;
      throw systemFault(`reading ${this.#directory}`, error);
    });
    return this.#loaded;
  }

  async #load(): Promise<Map<string, ThinDevice>> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const devices = new Map<string, ThinDevice>();
    for (const file of await readdir(this.#directory)) {
      const path = join(this.#directory, file);
      // One that was not renamed yet has no device.
      if (file.endsWith(".new")) await rm(path, { force: true });
      else devices.set(file, JSON.parse(await readFile(path, "utf8")) as ThinDevice);
    }
    return devices;
  }

  async names(): Promise<string[]> {
    return [...(await this.#all()).keys()];
  }

  async find(volume: string): Promise<ThinDevice | undefined> {
    return (await this.#all()).get(volume);
  }

  /** Records a device with an id that no other one was recorded with; another one each time it is asked. */
  async allocate(volume: string, size: Bytes): Promise<ThinDevice> {
    const all = await this.#all();
    const taken = new Set([...all.values()].map(({ id }) => id));
    while (taken.has(this.#next)) this.#next = (this.#next % lastId) + 1;
    const device = { id: this.#next, size };
    this.#next = (this.#next % lastId) + 1;
    all.set(volume, device);
    await this.put(volume, device);
    return device;
  }

  async put(volume: string, device: ThinDevice): Promise<void> {
    const path = join(this.#directory, volume);
    try {
      await writeFile(`${path}.new`, JSON.stringify(device), { mode: 0o600, flush: true });
      await rename(`${path}.new`, path);
    } catch (error) {
      throw systemFault(`recording the thin device of ${volume}`, error);
    }
    (await this.#all()).set(volume, device);
  }

  async forget(volume: string): Promise<void> {
    await rm(join(this.#directory, volume), { force: true });
    (await this.#all()).delete(volume);
  }
}

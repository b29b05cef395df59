import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { during, Fault } from "../base/fault.ts";
import type { ChainId, SnapshotKey } from "../base/ids.ts";
import { exchange } from "../linux/files-at.ts";
import { errnoOf, systemFault } from "../linux/libc.ts";
import { hostMounts } from "../linux/mounts.ts";
import { notesPath, treeOf } from "./notes.ts";
import { type ContainerSnapshotRecord, type LayerRecord, readRecord, writeRecord } from "./store-records.ts";
import type { SnapshotWorkers } from "./workers.ts";

/** A layer and its directory in `l/`. */
interface NamedLayer {
  readonly name: string;
  readonly record: LayerRecord;
}

/** For overlays that want one layer more; named as a writable layer, for who looks into one that nothing is in. */
export const emptyDirectory = "empty/diff";

/**
 * The directories of one snapshotter: `l/` committed layers by a short name, `c/` containers' by their key, `i/`
 * ingests, `t/` what is being removed. Things come into being elsewhere and are renamed into place, and leave the same
 * way, so whatever has its name is whole.
 */
export class SnapshotStore {
  readonly root: string;
  readonly #workers: SnapshotWorkers;
  #made: Promise<void> | undefined;

  constructor(root: string, workers: SnapshotWorkers) {
    this.root = root;
    this.#workers = workers;
  }

  layer(name: string, root = this.root): string {
    return join(root, "l", name);
  }

  /**
   * @param root this store's, or where it is bound
   * @throws {Fault} invalid for a key that can't be a directory's name
   */
  container(key: SnapshotKey, root = this.root): string {
    return join(root, "c", safeName(key));
  }

  /** @throws {Fault} invalid for a name that can't be a directory's */
  ingest(name: string): string {
    return join(this.root, "i", safeName(name));
  }

  /** Makes the directory of one. @throws {Fault} invalid, alreadyExists */
  async newIngest(name: string): Promise<string> {
    await this.ready();
    const directory = this.ingest(name);
    try {
      await mkdir(directory, { mode: 0o700 });
    } catch (error) {
      throw systemFault(`preparing the ingest ${name}`, error);
    }
    return directory;
  }

  /** The trees of a stack's layers, the uppermost first. */
  trees(stack: readonly string[], root = this.root): string[] {
    return stack.map((name) => treeOf(this.layer(name, root)));
  }

  /** Makes the directories, and clears away what a kill or a power cut left half. Once. */
  ready(): Promise<void> {
    this.#made ??= this.#prepare().catch((error: unknown) => {
      this.#made = undefined;
      throw systemFault(`preparing ${this.root}`, error);
    });
    return this.#made;
  }

  async #prepare(): Promise<void> {
    // 0700: no one on the host may run what images bring with setuid
    await mkdir(this.root, { recursive: true, mode: 0o700 });
    for (const name of ["l", "c", "i", "t"])
      await mkdir(join(this.root, name), { recursive: true, mode: 0o700 });
    await mkdir(join(this.root, emptyDirectory), { recursive: true, mode: 0o755 });
    const layers = await this.#readLayers();
    for (const [name, record] of layers)
      if (record === undefined || record.stack.some((below) => layers.get(below) === undefined))
        await this.discard(this.layer(name));
    // of a probe that was killed
    for (const { target } of await hostMounts().below(join(this.root, "t")))
      await hostMounts().unmount(target);
    for (const name of await readdir(join(this.root, "t"))) this.#removeLater(join(this.root, "t", name));
  }

  async #readLayers(): Promise<Map<string, LayerRecord | undefined>> {
    const found = new Map<string, LayerRecord | undefined>();
    for (const name of await readdir(join(this.root, "l")))
      found.set(name, await readRecord<LayerRecord>(this.layer(name)));
    return found;
  }

  /** Every committed layer by its directory's name. */
  async layers(): Promise<ReadonlyMap<string, LayerRecord>> {
    await this.ready();
    const whole = new Map<string, LayerRecord>();
    for (const [name, record] of await this.#readLayers()) if (record !== undefined) whole.set(name, record);
    return whole;
  }

  async names(of: "c" | "i"): Promise<string[]> {
    await this.ready();
    return readdir(join(this.root, of));
  }

  async find(chain: ChainId): Promise<NamedLayer | undefined> {
    for (const name of shortNames(chain)) {
      const record = await readRecord<LayerRecord>(this.layer(name));
      if (record?.chain === chain) return { name, record };
    }
    return undefined;
  }

  /** @throws {Fault} notFound */
  async get(chain: ChainId): Promise<NamedLayer> {
    const found = await this.find(chain);
    if (found === undefined) throw new Fault("notFound", `there is no snapshot ${chain}`);
    return found;
  }

  /** @throws {Fault} notFound, or corrupt when its record can't be read */
  async getContainer(key: SnapshotKey): Promise<ContainerSnapshotRecord> {
    const directory = this.container(key);
    const record = await readRecord<ContainerSnapshotRecord>(directory);
    if (record !== undefined) return record;
    const there = (await this.names("c")).includes(key);
    if (there) throw new Fault("corrupt", `the record of snapshot ${key} can't be read`);
    throw new Fault("notFound", `there is no snapshot ${key}`);
  }

  /** True if a container's snapshot is there. @throws {Fault} alreadyExists when it is on another image */
  async hasContainer(key: SnapshotKey, parent: ChainId | undefined): Promise<boolean> {
    const present = await this.getContainer(key).catch(unlessMissing);
    if (present !== undefined && present.parent !== parent)
      throw new Fault(
        "alreadyExists",
        `the snapshot ${key} is there already, on another image: ${present.parent}`,
      );
    return present !== undefined;
  }

  async list(): Promise<{ committed: ChainId[]; containers: SnapshotKey[]; ingests: string[] }> {
    const layers = await this.layers();
    return {
      committed: [...layers.values()].map(({ chain }) => chain),
      containers: (await this.names("c")) as SnapshotKey[],
      ingests: await this.names("i"),
    };
  }

  /** @throws {Fault} wrongState when something is on top of the layer */
  async refuseIfUsed(layer: NamedLayer): Promise<void> {
    const { name, record } = layer;
    for (const [other, { stack, chain }] of await this.layers())
      if (other !== name && stack.includes(name))
        throw new Fault("wrongState", `snapshot ${record.chain} can't be removed: ${chain} is on top of it`);
    await this.refuseContainers(layer);
  }

  /** @throws {Fault} wrongState when a container is on top of the layer, or of one that is */
  async refuseContainers({ name, record: { chain } }: NamedLayer): Promise<void> {
    for (const key of (await this.names("c")) as SnapshotKey[]) {
      const container = await this.getContainer(key).catch(() => undefined);
      if (container?.stack.includes(name) === true)
        throw new Fault(
          "wrongState",
          `snapshot ${chain} must stay as it is: container ${key} is on top of it`,
        );
    }
  }

  /** Gives a settled ingest its name as a layer. False when another commit of the same chain was first. */
  async nameLayer(ingest: string, { chain, parent, ...rest }: Omit<LayerRecord, "stack">): Promise<boolean> {
    const from = this.ingest(ingest);
    const below = parent === undefined ? [] : (await this.get(parent)).record.stack;
    await rm(notesPath(from), { force: true });
    for (const name of shortNames(chain)) {
      const record: LayerRecord = { chain, parent, stack: [name, ...below], ...rest };
      await writeRecord(from, record);
      if (await renamed(from, this.layer(name))) return true;
      if ((await this.find(chain)) !== undefined) return false;
    }
    throw new Fault("internal", `no name is left for snapshot ${chain}`);
  }

  /** Has a settled ingest and a layer change places: the layer's record and what is on top of it stay. */
  async exchangeLayer(ingest: string, name: string, record: LayerRecord): Promise<void> {
    const from = this.ingest(ingest);
    await rm(notesPath(from), { force: true });
    await writeRecord(from, record);
    try {
      exchange(from, this.layer(name));
    } catch (error) {
      throw systemFault(`putting a layer in the place of ${this.layer(name)}`, error);
    }
  }

  /** Makes a container's directory, not in place yet; `fill` puts into it what the container starts with. */
  async newContainer(
    record: ContainerSnapshotRecord,
    fill: (directory: string) => Promise<void>,
  ): Promise<string> {
    const made = join(this.root, "t", randomBytes(8).toString("hex"));
    try {
      await mkdir(made, { mode: 0o700 });
      await fill(made);
      await writeRecord(made, record);
      return made;
    } catch (error) {
      await this.removeNow(made);
      if (error instanceof Fault) throw error;
      throw systemFault(`preparing a snapshot in ${made}`, error, { path: made });
    }
  }

  /** Gives it its name. False when something has it: that stays. */
  async nameContainer(made: string, key: SnapshotKey): Promise<boolean> {
    if (await renamed(made, this.container(key))) return true;
    await this.removeNow(made);
    return false;
  }

  /** Takes a directory out of its place at once, and removes it. Succeeds when it is not there. */
  async discard(directory: string): Promise<void> {
    const out = await this.takeOut(directory);
    if (out !== undefined) await this.removeNow(out);
  }

  /** @returns where it is now, for `removeNow`; undefined when it was not there */
  async takeOut(directory: string): Promise<string | undefined> {
    const out = join(this.root, "t", randomBytes(8).toString("hex"));
    try {
      await rename(directory, out);
      return out;
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return undefined;
      throw systemFault(`removing ${directory}`, error);
    }
  }

  async removeNow(directory: string): Promise<void> {
    await this.#workers.run("remove", { directory });
  }

  #removeLater(directory: string): void {
    // What can't be removed now is tried again at the next start.
    this.#workers.run("remove", { directory }).catch(() => undefined);
  }
}

function unlessMissing(error: unknown): undefined {
  if (error instanceof Fault && error.kind === "notFound") return undefined;
  throw error;
}

/** False when something has the name. */
async function renamed(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (["EEXIST", "ENOTEMPTY"].includes(errnoOf(error) ?? "")) return false;
    throw during(`naming ${to}`, systemFault(`renaming ${from}`, error));
  }
}

/**
 * The names that a layer may have: mount options repeat them for each layer, and a page is all they get. A longer one
 * is for when a shorter one is taken.
 */
function shortNames(chain: ChainId): string[] {
  const hash = createHash("sha256").update(chain).digest("hex");
  return [6, 10, 64].map((length) => hash.slice(0, length));
}

function safeName(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._:-]{0,200}$/.test(name)) return name;
  throw new Fault("invalid", `${JSON.stringify(name)} is not a name for a snapshot`);
}

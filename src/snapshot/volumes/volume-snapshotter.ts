import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { Fault } from "../../base/fault.ts";
import type { ChainId, SnapshotKey } from "../../base/ids.ts";
import { KeyedLocks } from "../../base/lock.ts";
import { syncFileSystem } from "../../linux/sync-file-system.ts";
import type {
  ChangesRequest,
  MappedSnapshots,
  SnapshotChanges,
  SnapshotMount,
  Snapshotter,
  SnapshotUsage,
} from "../contract.ts";
import { isChain } from "../is-chain.ts";
import { treeOf } from "../notes.ts";
import { emptyDirectory, SnapshotStore } from "../store.ts";
import type { ContainerSnapshotRecord } from "../store-records.ts";
import type { SnapshotWorkers } from "../workers.ts";
import type { Volumes } from "./contract.ts";

/** Commits, removals and new containers come one after the other: each looks at what the others change. */
const structure = "snapshots";

/**
 * Snapshots as whole trees, each a volume that began as a copy of its parent's. Layers are unpacked beside each other into
 * directories; a commit copies the parent's volume and puts the layer onto it.
 *
 * Beside the volumes there is a directory for each snapshot with the name of its volume: a volume that none names is what a
 * kill or a power cut left.
 */
export class VolumeSnapshotter implements Snapshotter {
  readonly name: string;
  readonly lend: Snapshotter["lend"];
  readonly #volumes: Volumes;
  readonly #store: SnapshotStore;
  readonly #workers: SnapshotWorkers;
  readonly #locks = new KeyedLocks<typeof structure>();
  #cleared: Promise<void> | undefined;

  constructor(volumes: Volumes, root: string, workers: SnapshotWorkers) {
    this.name = volumes.name;
    this.#volumes = volumes;
    this.#store = new SnapshotStore(root, workers);
    this.#workers = workers;
    if (volumes.lend !== undefined) this.lend = (key) => this.#lend(key);
  }

  get directory(): string {
    return this.#store.root;
  }

  async probe(mapped?: MappedSnapshots): Promise<string | undefined> {
    await this.#store.ready();
    const problem = await this.#volumes.probe(mapped);
    if (problem === undefined) await this.#ready();
    return problem;
  }

  #ready(): Promise<void> {
    this.#cleared ??= this.#clear().catch((error: unknown) => {
      this.#cleared = undefined;
      throw error;
    });
    return this.#cleared;
  }

  /** Removes volumes without a snapshot, and snapshots without a volume. */
  async #clear(): Promise<void> {
    const volumes = new Set(await this.#volumes.list());
    const named = new Set<string | undefined>();
    for (const [name, { volume }] of await this.#store.layers()) {
      if (volume !== undefined && volumes.has(volume)) named.add(volume);
      else await this.#store.discard(this.#store.layer(name));
    }
    for (const key of (await this.#store.names("c")) as SnapshotKey[])
      named.add((await this.#store.getContainer(key).catch(() => undefined))?.volume);
    for (const volume of volumes) if (!named.has(volume)) await this.#volumes.remove(volume);
  }

  async prepareLayer(ingest: string): Promise<string> {
    const directory = await this.#store.newIngest(ingest);
    await this.#volumes.staging?.make(treeOf(directory));
    return directory;
  }

  async commitLayer(ingest: string, chain: ChainId, parent: ChainId | undefined): Promise<SnapshotUsage> {
    await this.#ready();
    if ((await this.#store.find(chain)) === undefined) {
      const { volume, usage } = await this.#filled(ingest, parent);
      try {
        await this.#volumes.seal(volume);
        await this.#workers.run("remove", { directory: treeOf(this.#store.ingest(ingest)) });
        using _structure = await this.#alone();
        if (await this.#store.nameLayer(ingest, { chain, parent, usage, volume })) return usage;
      } catch (error) {
        await this.#volumes.remove(volume);
        throw error;
      }
      await this.#volumes.remove(volume);
    }
    await this.abortLayer(ingest);
    return (await this.#store.get(chain)).record.usage;
  }

  /** A new volume with the parent's tree and, on it, an unpacked ingest. */
  async #filled(
    ingest: string,
    parent: ChainId | undefined,
  ): Promise<{ volume: string; usage: SnapshotUsage }> {
    const { staging } = this.#volumes;
    if (parent === undefined && staging !== undefined) return this.#adopted(ingest, staging);
    const volume = await this.#newVolume(parent);
    try {
      await using tree = await this.#volumes.open(volume);
      const directory = this.#store.ingest(ingest);
      const isEmpty = parent === undefined;
      const usage = await this.#workers.run("apply", { directory, onto: tree.directory, isEmpty });
      return { volume, usage };
    } catch (error) {
      await this.#volumes.remove(volume);
      throw error;
    }
  }

  /** The lowest layer is a whole tree already. */
  async #adopted(
    ingest: string,
    staging: NonNullable<Volumes["staging"]>,
  ): Promise<{ volume: string; usage: SnapshotUsage }> {
    const directory = this.#store.ingest(ingest);
    const usage = await this.#workers.run("settle", { kind: "native", directory, lowers: [] });
    const volume = newName();
    await staging.adopt(treeOf(directory), volume);
    return { volume, usage };
  }

  async #newVolume(parent: ChainId | undefined): Promise<string> {
    const from = parent === undefined ? undefined : (await this.#store.get(parent)).record.volume;
    const volume = newName();
    await this.#volumes.make(volume, from);
    return volume;
  }

  async abortLayer(ingest: string): Promise<void> {
    await this.#store.ready();
    await this.#store.discard(this.#store.ingest(ingest));
  }

  async has(chain: ChainId): Promise<boolean> {
    await this.#ready();
    return (await this.#store.find(chain)) !== undefined;
  }

  async prepareContainer(key: SnapshotKey, parent: ChainId | undefined): Promise<void> {
    await this.#ready();
    if (await this.#store.hasContainer(key, parent)) return;
    await this.#nameContainer(key, parent, await this.#newVolume(parent));
  }

  async prepareChanged(key: SnapshotKey, parent: ChainId | undefined, ingest: string): Promise<void> {
    await this.#ready();
    await this.#nameContainer(key, parent, (await this.#filled(ingest, parent)).volume);
    await this.abortLayer(ingest);
  }

  async #nameContainer(key: SnapshotKey, parent: ChainId | undefined, volume: string): Promise<void> {
    try {
      using _structure = await this.#alone();
      const stack = parent === undefined ? [] : (await this.#store.get(parent)).record.stack;
      const made = await this.#store.newContainer({ parent, stack, volume }, async () => undefined);
      if (await this.#store.nameContainer(made, key)) return;
    } catch (error) {
      await this.#volumes.remove(volume);
      throw error;
    }
    await this.#volumes.remove(volume);
  }

  async changes(key: SnapshotKey, { list, except }: ChangesRequest): Promise<SnapshotChanges> {
    const record = await this.#store.getContainer(key);
    await using opened = new AsyncDisposableStack();
    const own = opened.use(await this.#volumes.open(this.#volumeOf(record, key))).directory;
    const below = await this.#volumeBelow(record);
    const lowers = below === undefined ? [] : [opened.use(await this.#volumes.open(below)).directory];
    const deleted = await this.#workers.run("changes", { kind: "native", own, lowers, list, except });
    const all = opened.move();
    return { directory: own, deleted, [Symbol.asyncDispose]: () => all.disposeAsync() };
  }

  #volumeOf({ volume }: ContainerSnapshotRecord, key: SnapshotKey): string {
    if (volume === undefined) throw new Fault("corrupt", `the record of snapshot ${key} names no volume`);
    return volume;
  }

  async #volumeBelow({ parent }: ContainerSnapshotRecord): Promise<string | undefined> {
    return parent === undefined ? undefined : (await this.#store.get(parent)).record.volume;
  }

  async mounts(key: SnapshotKey, at?: string): Promise<readonly SnapshotMount[]> {
    const record = await this.#store.getContainer(key);
    return [await this.#volumes.mount(this.#volumeOf(record, key), "rw", at)];
  }

  async #lend(key: SnapshotKey): Promise<void> {
    await this.#volumes.lend?.(this.#volumeOf(await this.#store.getContainer(key), key));
  }

  async view(chain: ChainId, at?: string): Promise<readonly SnapshotMount[]> {
    const { record } = await this.#store.get(chain);
    return record.volume === undefined ? [] : [await this.#volumes.mount(record.volume, "ro", at)];
  }

  async layerDirectory(chain: ChainId): Promise<string> {
    const { record } = await this.#store.get(chain);
    const [mount] = await this.view(chain);
    if (record.parent !== undefined) throw new Fault("internal", `the layer ${chain} has a parent`);
    if (mount?.type === "bind") return mount.source;
    throw new Fault("unimplemented", `the snapshotter ${this.name} keeps layers in no directory`, {
      hint: "give the checkpoint as an archive: by its path, in the place of an image",
    });
  }

  /** None holds only what a container has written. */
  writableLayer(): string {
    return join(this.#store.root, emptyDirectory);
  }

  async usage(key: SnapshotKey): Promise<SnapshotUsage> {
    const record = await this.#store.getContainer(key);
    const volume = this.#volumeOf(record, key);
    const below = await this.#volumeBelow(record);
    if (this.#volumes.usage !== undefined) return this.#volumes.usage(volume, below);
    await using own = await this.#volumes.open(volume);
    const { directory } = own;
    if (below === undefined) return this.#workers.run("usage", { directory });
    await using from = await this.#volumes.open(below);
    return await this.#workers.run("usage beyond", { directory, from: from.directory });
  }

  async remove(key: SnapshotKey | ChainId): Promise<void> {
    await this.#ready();
    if (isChain(key)) return this.#removeLayer(key);
    const volume = (await this.#store.getContainer(key).catch(() => undefined))?.volume;
    if (volume !== undefined) await this.#volumes.remove(volume);
    await this.#store.discard(this.#store.container(key));
  }

  async #removeLayer(chain: ChainId): Promise<void> {
    using _structure = await this.#alone();
    const found = await this.#store.find(chain);
    if (found === undefined) return;
    await this.#store.refuseIfUsed(found);
    // A layer without a volume is nobody's parent: the next start discards what is left of it.
    if (found.record.volume !== undefined) await this.#volumes.remove(found.record.volume);
    await this.#store.discard(this.#store.layer(found.name));
  }

  list(): ReturnType<Snapshotter["list"]> {
    return this.#store.list();
  }

  async sync(): Promise<void> {
    await this.#store.ready();
    await this.#volumes.sync();
    await syncFileSystem(this.#store.root);
  }

  #alone(): Promise<Disposable> {
    return this.#locks.hold(structure, new AbortController().signal);
  }
}

function newName(): string {
  return randomBytes(8).toString("hex");
}

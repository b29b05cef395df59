import { join } from "node:path";
import { Fault } from "../base/fault.ts";
import type { ChainId, SnapshotKey } from "../base/ids.ts";
import { KeyedLocks } from "../base/lock.ts";
import type { UserRanges } from "../linux/contract.ts";
import { systemFault } from "../linux/libc.ts";
import { syncFileSystem } from "../linux/sync-file-system.ts";
import type {
  ChangesRequest,
  MappedSnapshots,
  SnapshotChanges,
  SnapshotMount,
  Snapshotter,
  SnapshotUsage,
} from "./contract.ts";
import { isChain } from "./is-chain.ts";
import { treeOf } from "./notes.ts";
import { emptyDirectory, SnapshotStore } from "./store.ts";
import { usageOfSmall } from "./tree/usage.ts";
import type { SnapshotWorkers } from "./workers.ts";

/** What tells the snapshotters that keep directories apart. */
export interface DirectoryKind {
  readonly name: "overlay" | "native";
  probe(root: string, mapped: MappedSnapshots | undefined): Promise<string | undefined>;
  /**
   * Makes a container's own files in `directory`. `trees`: those of the layers, the uppermost first. `users`: whose ids
   * the files have on disk, when not the image's.
   */
  fill(
    directory: string,
    trees: readonly string[],
    workers: SnapshotWorkers,
    users: UserRanges | undefined,
  ): Promise<void>;
  /** Makes them of a settled layer's tree, which may be moved away. */
  adopt(directory: string, tree: string, workers: SnapshotWorkers): Promise<void>;
  /** A layer's directory holds its own files alone: it can be exchanged below others. */
  readonly ownFilesOnly: boolean;
  /** In a user namespace a container's own files lie on disk with the image's ids, too, and are shown with others. */
  readonly mapsOwn: boolean;
  mounts(directory: string, trees: readonly string[]): SnapshotMount[];
  view(trees: readonly string[], root: string): SnapshotMount[];
  /** Where in `directory` the container's own files are. */
  own(directory: string): string;
}

/** A tree of up to so many names is counted on this thread, in about a millisecond: starting another takes 70 of them. */
const namesHere = 100;

/** Commits, removals and new containers come one after the other: each looks at what the others change. */
const structure = "snapshots";

/** A snapshotter whose layers and containers are directories of one file system; `DirectoryKind` says how they are shown together. */
export class DirectorySnapshotter implements Snapshotter {
  readonly name: string;
  readonly replaceLayer?: (ingest: string, chain: ChainId) => Promise<void>;
  readonly #kind: DirectoryKind;
  readonly #store: SnapshotStore;
  readonly #workers: SnapshotWorkers;
  readonly #locks = new KeyedLocks<typeof structure>();

  constructor(kind: DirectoryKind, root: string, workers: SnapshotWorkers) {
    this.name = kind.name;
    this.#kind = kind;
    this.#store = new SnapshotStore(root, workers);
    this.#workers = workers;
    if (kind.ownFilesOnly) this.replaceLayer = (ingest, chain) => this.#replaceLayer(ingest, chain);
  }

  get directory(): string {
    return this.#store.root;
  }

  async probe(mapped?: MappedSnapshots): Promise<string | undefined> {
    await this.#store.ready();
    return this.#kind.probe(this.#store.root, mapped);
  }

  prepareLayer(ingest: string): Promise<string> {
    return this.#store.newIngest(ingest);
  }

  async commitLayer(ingest: string, chain: ChainId, parent: ChainId | undefined): Promise<SnapshotUsage> {
    const before = await this.#store.find(chain);
    if (before === undefined) {
      const usage = await this.#settle(ingest, await this.#stackOf(parent));
      using _structure = await this.#alone();
      if (await this.#store.nameLayer(ingest, { chain, parent, usage })) return usage;
    }
    await this.abortLayer(ingest);
    return (await this.#store.get(chain)).record.usage;
  }

  async #replaceLayer(ingest: string, chain: ChainId): Promise<void> {
    const { name, record } = await this.#store.get(chain);
    await this.#settle(ingest, record.stack.slice(1));
    // Whoever has the layer may count on its being on disk.
    await syncFileSystem(this.#store.root);
    using _structure = await this.#alone();
    await this.#store.refuseContainers({ name, record });
    await this.#store.exchangeLayer(ingest, name, record);
  }

  async abortLayer(ingest: string): Promise<void> {
    await this.#store.ready();
    await this.#store.discard(this.#store.ingest(ingest));
  }

  async has(chain: ChainId): Promise<boolean> {
    await this.#store.ready();
    return (await this.#store.find(chain)) !== undefined;
  }

  async prepareContainer(key: SnapshotKey, parent: ChainId | undefined, users?: UserRanges): Promise<void> {
    await this.#store.ready();
    if (await this.#store.hasContainer(key, parent)) return;
    const stack = await this.#stackOf(parent);
    const trees = this.#store.trees(stack);
    const ids = this.#kind.mapsOwn ? undefined : users;
    await this.#newContainer(key, { parent, stack }, (directory) =>
      this.#kind.fill(directory, trees, this.#workers, ids),
    );
  }

  async prepareChanged(key: SnapshotKey, parent: ChainId | undefined, ingest: string): Promise<void> {
    const stack = await this.#stackOf(parent);
    await this.#settle(ingest, stack);
    const tree = treeOf(this.#store.ingest(ingest));
    await this.#newContainer(key, { parent, stack }, (directory) =>
      this.#kind.adopt(directory, tree, this.#workers),
    );
    await this.abortLayer(ingest);
  }

  async changes(key: SnapshotKey, { list, except }: ChangesRequest): Promise<SnapshotChanges> {
    const { stack } = await this.#store.getContainer(key);
    const own = this.#kind.own(this.#store.container(key));
    const { name: kind } = this.#kind;
    const lowers = this.#store.trees(stack);
    const deleted = await this.#workers.run("changes", { kind, own, lowers, list, except });
    return { directory: own, deleted, [Symbol.asyncDispose]: async () => undefined };
  }

  async mounts(key: SnapshotKey, at?: string): Promise<readonly SnapshotMount[]> {
    const { stack } = await this.#store.getContainer(key);
    const own = this.#store.container(key, this.#kind.mapsOwn ? at : undefined);
    return this.#kind.mounts(own, this.#store.trees(stack, at));
  }

  async view(chain: ChainId, at?: string): Promise<readonly SnapshotMount[]> {
    const { record } = await this.#store.get(chain);
    return this.#kind.view(this.#store.trees(record.stack, at), this.#store.root);
  }

  async layerDirectory(chain: ChainId): Promise<string> {
    const { record } = await this.#store.get(chain);
    const [tree] = this.#store.trees(record.stack);
    if (tree === undefined || record.parent !== undefined)
      throw new Fault("internal", `the layer ${chain} has a parent`);
    return tree;
  }

  writableLayer(key: SnapshotKey | undefined): string {
    if (key === undefined) return join(this.#store.root, emptyDirectory);
    return this.#kind.own(this.#store.container(key));
  }

  async usage(key: SnapshotKey): Promise<SnapshotUsage> {
    await this.#store.getContainer(key);
    const directory = this.writableLayer(key);
    try {
      const small = usageOfSmall(directory, namesHere);
      if (small !== undefined) return small;
    } catch (error) {
      throw systemFault(`snapshots: counting ${directory}`, error);
    }
    return this.#workers.run("usage", { directory });
  }

  async remove(key: SnapshotKey | ChainId): Promise<void> {
    await this.#store.ready();
    if (!isChain(key)) return this.#store.discard(this.#store.container(key));
    const out = await this.#takeOutLayer(key);
    if (out !== undefined) await this.#store.removeNow(out);
  }

  async #takeOutLayer(chain: ChainId): Promise<string | undefined> {
    using _structure = await this.#alone();
    const found = await this.#store.find(chain);
    if (found === undefined) return undefined;
    await this.#store.refuseIfUsed(found);
    return this.#store.takeOut(this.#store.layer(found.name));
  }

  list(): ReturnType<Snapshotter["list"]> {
    return this.#store.list();
  }

  async sync(): Promise<void> {
    await this.#store.ready();
    await syncFileSystem(this.#store.root);
  }

  async #stackOf(parent: ChainId | undefined): Promise<readonly string[]> {
    return parent === undefined ? [] : (await this.#store.get(parent)).record.stack;
  }

  #settle(ingest: string, stack: readonly string[]): Promise<SnapshotUsage> {
    const { name: kind } = this.#kind;
    const trees = this.#store.trees(stack);
    const lowers = kind === "overlay" ? trees : trees.slice(0, 1);
    return this.#workers.run("settle", { kind, directory: this.#store.ingest(ingest), lowers });
  }

  async #newContainer(
    key: SnapshotKey,
    record: { parent: ChainId | undefined; stack: readonly string[] },
    fill: (directory: string) => Promise<void>,
  ): Promise<void> {
    const made = await this.#store.newContainer(record, fill);
    using _structure = await this.#alone();
    if (record.parent !== undefined) await this.#store.get(record.parent); // it may have been removed meanwhile
    await this.#store.nameContainer(made, key);
  }

  #alone(): Promise<Disposable> {
    return this.#locks.hold(structure, new AbortController().signal);
  }
}

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { describeFault, Fault, isFault } from "../../base/fault.ts";
import type { ChainId, SnapshotKey } from "../../base/ids.ts";
import type { Ms } from "../../base/units.ts";
import type { UserRanges } from "../../linux/contract.ts";
import { syncFileSystem } from "../../linux/sync-file-system.ts";
import { Kind } from "../../wire/gen/snapshots.v1.ts";
import type {
  ChangesRequest,
  LayerOffer,
  MappedSnapshots,
  SnapshotChanges,
  SnapshotMount,
  Snapshotter,
  SnapshotUsage,
} from "../contract.ts";
import { isChain } from "../is-chain.ts";
import { treeOf } from "../notes.ts";
import { emptyDirectory, SnapshotStore } from "../store.ts";
import type { SnapshotWorkers } from "../workers.ts";
import { type RemoteSettings, SnapshotsClient } from "./client.ts";
import { findFiles } from "./find-files.ts";
import { containerKey, containersAmong, ingestsAmong, layerKey, newLayerKey, viewKey } from "./keys.ts";
import { isOwn, type Labels, labelsOf, labelsOfLayer, labelsOfOffer, ownFilter } from "./labels.ts";
import { type Directories, directoriesOf, readMounts } from "./mounts.ts";
import { linkedAt } from "./own-files.ts";
import { prepareContainer, viewLayer } from "./prepared.ts";

const cleaningDelay: Ms = 1_000;

/**
 * Snapshots of a snapshotter in a process of its own, which may get at layers without their bytes being fetched (stargz,
 * nydus, SOCI). What it can't is unpacked here and moved into the snapshot that it prepares.
 *
 * It keeps the snapshots and knows them by their names; here lie only ingests, and for each container a link to where its own
 * files are.
 */
export class RemoteSnapshotter implements Snapshotter {
  readonly name: string;
  readonly #client: SnapshotsClient;
  readonly #store: SnapshotStore;
  readonly #workers: SnapshotWorkers;
  /** What layers were offered with that were not provided: they are prepared with it, too. */
  readonly #offered = new Map<ChainId, Labels>();
  #cleaning: NodeJS.Timeout | undefined;
  /** Where the snapshotter keeps files, once it was asked. */
  #files: Promise<string | undefined> | undefined;

  constructor(settings: RemoteSettings, root: string, workers: SnapshotWorkers) {
    this.name = settings.name;
    this.#client = new SnapshotsClient(settings);
    this.#store = new SnapshotStore(root, workers);
    this.#workers = workers;
  }

  get directory(): string {
    return this.#store.root;
  }

  /** Prepares a snapshot and removes it. */
  async probe(mapped?: MappedSnapshots): Promise<string | undefined> {
    if (mapped !== undefined)
      return `layers of the snapshotter ${this.name} have the ids that images give them`;
    try {
      await this.#store.ready();
      await this.#findFiles();
      return undefined;
    } catch (error) {
      return describeFault(error);
    }
  }

  async stillWorks(): Promise<string | undefined> {
    const look = () => this.#client.find("berth"); // there is none: that it says so is all that is wanted
    try {
      // A connection that breaks says that the server of before is gone, not whether another is there.
      await look().catch((error) => {
        if (!isFault(error, "unavailable")) throw error;
        return look();
      });
      return undefined;
    } catch (error) {
      return describeFault(error);
    }
  }

  async provideLayer(offer: LayerOffer, signal: AbortSignal): Promise<SnapshotUsage | undefined> {
    const { chain, parent, blob } = offer;
    const key = newLayerKey();
    const labels = labelsOfOffer(this.directory, offer);
    if (!(await this.#prepared(key, chain, parent, labels, signal))) {
      const { bytes, inodes } = await this.#client.usage(chain);
      // One that gets at files only when they are read takes nothing yet, and at most this.
      return { bytes: Math.max(bytes, blob.size), inodes };
    }
    this.#offered.set(chain, labels);
    await this.#client.remove(key);
    return undefined;
  }

  prepareLayer(ingest: string): Promise<string> {
    return this.#store.newIngest(ingest);
  }

  async commitLayer(ingest: string, chain: ChainId, parent: ChainId | undefined): Promise<SnapshotUsage> {
    if (!(await this.has(chain))) await this.#commit(ingest, chain, parent);
    this.#offered.delete(chain);
    await this.abortLayer(ingest);
    return this.#client.usage(chain);
  }

  async #commit(ingest: string, chain: ChainId, parent: ChainId | undefined): Promise<void> {
    const key = layerKey(ingest);
    const labels = this.#offered.get(chain) ?? labelsOfLayer(this.directory, chain);
    const mounts = await this.#prepared(key, chain, parent, labels);
    if (mounts === undefined) return;
    try {
      await this.#fill(ingest, mounts);
      await this.#client.commit(chain, key, labels).catch(unlessThere);
    } catch (error) {
      await this.#client.remove(key);
      throw error;
    }
  }

  /** Undefined when the layer is committed already, or was by being asked for. */
  async #prepared(
    key: string,
    chain: ChainId,
    parent: ChainId | undefined,
    labels: Labels,
    signal?: AbortSignal,
  ): Promise<readonly SnapshotMount[] | undefined> {
    try {
      return readMounts(await this.#client.prepare(key, parent, labels, signal));
    } catch (error) {
      if (isFault(error, "alreadyExists") && (await this.has(chain))) return undefined;
      // What was not waited for may be there all the same; what isn't removed here, the sweep finds.
      void this.#client.remove(key).catch(() => undefined);
      throw error;
    }
  }

  /** Settles an ingest and moves it into the snapshot that has these mounts. */
  async #fill(ingest: string, mounts: readonly SnapshotMount[]): Promise<void> {
    const { own, lowers } = this.#directories(mounts);
    const directory = this.#store.ingest(ingest);
    await this.#workers.run("settle", { kind: "overlay", directory, lowers });
    await this.#workers.run("move", { from: treeOf(directory), to: own });
  }

  async abortLayer(ingest: string): Promise<void> {
    await this.#store.ready();
    await this.#store.discard(this.#store.ingest(ingest));
    await this.#client.remove(layerKey(ingest));
  }

  async has(chain: ChainId): Promise<boolean> {
    return (await this.#client.find(chain))?.kind === Kind.COMMITTED;
  }

  async prepareContainer(key: SnapshotKey, parent: ChainId | undefined, users?: UserRanges): Promise<void> {
    await this.#newContainer(key, parent, users);
  }

  async prepareChanged(key: SnapshotKey, parent: ChainId | undefined, ingest: string): Promise<void> {
    const mounts = await this.#newContainer(key, parent);
    // After a kill in the middle of this the ingest is gone with the record; it is never settled twice.
    await this.#fill(ingest, mounts);
    await this.abortLayer(ingest);
  }

  async #newContainer(
    key: SnapshotKey,
    parent: ChainId | undefined,
    users?: UserRanges,
  ): Promise<readonly SnapshotMount[]> {
    if (users !== undefined)
      throw new Fault("unimplemented", `the snapshotter ${this.name} can't show files to a user namespace`, {
        hint: "run pods with hostUsers: false by a runtime handler that has another snapshotter",
      });
    await this.#store.ready();
    const link = this.#store.container(key);
    return prepareContainer(this.#client, { key, parent, labels: labelsOf(this.directory), link });
  }

  async changes(key: SnapshotKey, { list, except }: ChangesRequest): Promise<SnapshotChanges> {
    const { own, lowers } = this.#directories(await this.mounts(key));
    const deleted = await this.#workers.run("changes", { kind: "overlay", own, lowers, list, except });
    return { directory: own, deleted, [Symbol.asyncDispose]: async () => undefined };
  }

  async mounts(key: SnapshotKey): Promise<readonly SnapshotMount[]> {
    return readMounts(await this.#client.mounts(containerKey(key)));
  }

  view(chain: ChainId): Promise<readonly SnapshotMount[]> {
    return viewLayer(this.#client, chain, labelsOf(this.directory));
  }

  async layerDirectory(chain: ChainId): Promise<string> {
    const { own, lowers } = this.#directories(await this.view(chain));
    if (lowers.length > 0) throw new Fault("internal", `the layer ${chain} has a parent`);
    return own;
  }

  writableLayer(key: SnapshotKey | undefined): string {
    const own = key === undefined ? undefined : linkedAt(this.#store.container(key));
    return own ?? join(this.directory, emptyDirectory);
  }

  usage(key: SnapshotKey): Promise<SnapshotUsage> {
    return this.#client.usage(containerKey(key));
  }

  async remove(key: SnapshotKey | ChainId): Promise<void> {
    if (isChain(key)) await this.#removeLayer(key);
    else {
      await this.#client.remove(containerKey(key));
      await rm(this.#store.container(key), { force: true });
    }
    this.#cleanSoon();
  }

  /** What is removed is gone at once; its space comes back by a call of its own, which is one for all that went together. */
  #cleanSoon(): void {
    this.#cleaning ??= setTimeout(() => {
      this.#cleaning = undefined;
      // What fails is done after the next removal: of the next start's probe, at the latest.
      this.#client.cleanup().catch(() => undefined);
    }, cleaningDelay).unref();
  }

  /** One that somebody else committed is used, but stays. */
  async #removeLayer(chain: ChainId): Promise<void> {
    await this.#client.remove(viewKey(chain));
    const found = await this.#client.find(chain);
    if (found !== undefined && isOwn(found.labels, this.directory)) await this.#client.remove(chain);
  }

  async list(): Promise<{ committed: ChainId[]; containers: SnapshotKey[]; ingests: string[] }> {
    await this.#findFiles(); // stargz lists nothing before it had its first snapshot
    const own = (await this.#client.list(ownFilter(this.directory))).filter(({ labels }) =>
      isOwn(labels, this.directory),
    );
    const names = own.map(({ name }) => name);
    const staged = await this.#store.names("i");
    return {
      committed: own.flatMap(({ name, kind }) => (kind === Kind.COMMITTED ? [name as ChainId] : [])),
      containers: containersAmong(names),
      ingests: [...new Set([...staged, ...ingestsAmong(names)])],
    };
  }

  async sync(): Promise<void> {
    await this.#store.ready();
    const files = await this.#findFiles();
    if (files !== undefined) await syncFileSystem(files);
  }

  /** Asked once. */
  #findFiles(): Promise<string | undefined> {
    this.#files ??= findFiles(this.#client, labelsOf(this.directory)).catch((error: unknown) => {
      this.#files = undefined;
      throw error;
    });
    this.#cleanSoon();
    return this.#files;
  }

  /** @throws {Fault} unimplemented when they are on a device */
  #directories(mounts: readonly SnapshotMount[]): Directories {
    const found = directoriesOf(mounts);
    if (found !== undefined) return found;
    const types = mounts.map(({ type }) => type).join(", ");
    throw new Fault(
      "unimplemented",
      `the snapshotter ${this.name} keeps no directories, but mounts of ${types}`,
    );
  }
}

function unlessThere(error: unknown): void {
  if (!isFault(error, "alreadyExists")) throw error;
}

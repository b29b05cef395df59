import type { ImageRecord } from "./contract.ts";
import type { ImageParts } from "./parts.ts";

const retryDelay = 60_000;

/** Makes images durable off the path of the pulls: one sync covers all that were recorded before it began. */
export class Durability {
  readonly #parts: ImageParts;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(parts: ImageParts) {
    this.#parts = parts;
  }

  /** Has a sync run a little later. */
  soon(): void {
    this.#arm(this.#parts.settings.syncDelay);
  }

  /** Syncs what is recorded by now. @throws {Fault} internal or exhausted when the file system says so */
  now(): Promise<void> {
    const after = this.#running.then(() => syncImages(this.#parts));
    this.#running = after.catch(() => undefined);
    return after;
  }

  /** Syncs what still waits, and ends. */
  async close(): Promise<void> {
    const waiting = this.#timer !== undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (waiting)
      await this.now().catch((err: unknown) => this.#parts.log.warn({ err }, "syncing images failed"));
    await this.#running;
  }

  #arm(delay: number): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.now().catch((err: unknown) => {
        this.#parts.log.warn(
          { err },
          "syncing images failed; they count as lost at the next boot until it succeeds",
        );
        this.#arm(retryDelay);
      });
    }, delay);
    this.#timer.unref();
  }
}

/** An image in one snapshotter, not covered by a sync yet. */
interface Waiting {
  readonly record: ImageRecord;
  readonly snapshotter: string;
}

/** A snapshotter that can't be synced holds up only its own images. */
async function syncImages(parts: ImageParts): Promise<void> {
  const { store } = parts;
  const waiting = unsynced(parts);
  if (waiting.length === 0) return;
  const began = performance.now();
  const synced = new Set<string>();
  let failure: unknown;
  for (const snapshotter of store.snapshotters.all()) {
    if (!waiting.some((each) => each.snapshotter === snapshotter.name)) continue;
    await snapshotter.sync().then(
      () => synced.add(snapshotter.name),
      (error: unknown) => (failure = error),
    );
  }
  await store.content.sync();
  await markSynced(
    waiting.filter(({ snapshotter }) => synced.has(snapshotter)),
    parts,
  );
  await store.syncRecords();
  if (failure !== undefined) throw failure;
  parts.log.debug({ images: waiting.length, ms: performance.now() - began }, "images are durable");
}

async function markSynced(waiting: readonly Waiting[], { store, work }: ImageParts): Promise<void> {
  using _records = await work.recordLock.hold("records", new AbortController().signal);
  for (const { record: before, snapshotter } of waiting) {
    const record = store.records.get(before.id);
    const unpacked = record?.unpacked[snapshotter];
    // One that was removed and pulled again meanwhile is not the one that the sync covered.
    if (unpacked === undefined || record?.pulledAt !== before.pulledAt) continue;
    const durable = { ...unpacked, durable: "synced" as const };
    await store.records.put(record.id, {
      ...record,
      unpacked: { ...record.unpacked, [snapshotter]: durable },
    });
  }
}

function unsynced({ store }: ImageParts): Waiting[] {
  return [...store.records.values()].flatMap((record) =>
    Object.entries(record.unpacked)
      .filter(([, { durable }]) => durable === store.bootId)
      .map(([snapshotter]) => ({ record, snapshotter })),
  );
}

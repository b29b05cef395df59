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

async function syncImages(parts: ImageParts): Promise<void> {
  const { store, work } = parts;
  const waiting = unsynced(parts);
  if (waiting.length === 0) return;
  const began = performance.now();
  await store.snapshotter.sync();
  await store.content.sync();
  using _records = await work.recordLock.hold("records", new AbortController().signal);
  for (const { id, pulledAt } of waiting) {
    const record = store.records.get(id);
    // One that was removed and pulled again meanwhile is not the one that the sync covered.
    if (record?.pulledAt === pulledAt) await store.records.put(id, { ...record, durable: "synced" });
  }
  parts.log.debug({ images: waiting.length, ms: performance.now() - began }, "images are durable");
}

function unsynced({ store }: ImageParts): ImageRecord[] {
  return [...store.records.values()].filter((record) => record.durable === store.bootId);
}

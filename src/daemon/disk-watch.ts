import { dirname } from "node:path";
import type { Logger } from "pino";
import { describeFault } from "../base/fault.ts";
import type { Ms } from "../base/units.ts";
import type { Config } from "../config/schema.ts";
import { type FileSystemState, fileSystemStates } from "../linux/file-system-state.ts";
import { troubleOf } from "../linux/remedy.ts";
import type { PodBook } from "../pod/parts.ts";

const lookEveryMs: Ms = 10_000;

/**
 * Looks at the file systems that the daemon writes to now and then, off its thread, and tells the log once when one takes
 * nothing more, and once when it does again.
 */
export class DiskWatch implements Disposable {
  readonly #places: () => ReadonlyMap<string, string>;
  readonly #isFailing: () => boolean;
  readonly #log: Logger;
  readonly #timer: NodeJS.Timeout;
  #states: ReadonlyMap<string, FileSystemState> = new Map();
  /** By the file system's mount. */
  #troubles: ReadonlyMap<string, string> = new Map();
  #isLooking = false;

  /**
   * @param places directories by name
   * @param isFailing whether something could not be written: only then it is tried what can
   */
  constructor(places: () => ReadonlyMap<string, string>, isFailing: () => boolean, log: Logger) {
    this.#places = places;
    this.#isFailing = isFailing;
    this.#log = log;
    this.#timer = setInterval(() => void this.#look(), lookEveryMs);
    this.#timer.unref();
    void this.#look();
  }

  /** As last looked at, by the place's name. */
  states(): ReadonlyMap<string, FileSystemState> {
    return this.#states;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return; // a disk that hangs holds one thread of the pool, not all
    this.#isLooking = true;
    try {
      const places = [...this.#places()];
      const paths = places.map(([, path]) => path);
      const found = await fileSystemStates(paths, this.#isFailing());
      this.#states = new Map(
        places.flatMap(([name, path]) => {
          const state = found.get(path);
          return state === undefined ? [] : [[name, state]];
        }),
      );
      this.#tell();
    } catch (error) {
      this.#log.warn({ err: describeFault(error) }, "the file systems could not be looked at");
    } finally {
      this.#isLooking = false;
    }
  }

  #tell(): void {
    const troubles = new Map<string, string>();
    for (const state of this.#states.values()) {
      const trouble = troubleOf(state);
      if (trouble !== undefined) troubles.set(state.target, trouble);
    }
    for (const [target, trouble] of troubles)
      if (!this.#troubles.has(target))
        this.#log.error({ fileSystem: target }, "nothing can be written: %s", trouble);
    for (const target of this.#troubles.keys())
      if (!troubles.has(target)) this.#log.info({ fileSystem: target }, "it can be written to again");
    this.#troubles = troubles;
  }
}

/** What the daemon writes to, and where the kubelet has containers' logs written. */
export function writtenPlaces(
  { root, state }: Pick<Config, "root" | "state">,
  { records }: Pick<PodBook, "records">,
): ReadonlyMap<string, string> {
  const places = new Map([
    ["root", root],
    ["state", state],
  ]);
  for (const { config } of records.values()) {
    const logs = config.logDirectory === "" ? undefined : dirname(config.logDirectory);
    if (logs !== undefined) places.set(`logs ${logs}`, logs);
  }
  return places;
}

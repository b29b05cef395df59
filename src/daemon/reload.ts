import type { Logger } from "pino";
import { describeFault } from "../base/fault.ts";
import { waitForRestart } from "../config/reloadable.ts";
import type { Config } from "../config/schema.ts";
import type { Service } from "./service.ts";

/** What reading the settings again takes. */
export interface ReloadParts {
  /** The settings as they are now. @throws {Fault} for ones with mistakes */
  readConfig(): Config;
  /** Takes over what can change. */
  change(config: Config): Promise<void>;
  readonly log: Logger;
  readonly service: Pick<Service, "reloading" | "reloaded">;
}

/**
 * Reads the settings again, one time after the other. Those that have mistakes change nothing; those that only a start reads
 * are named.
 */
export class Reload {
  readonly #running: Config;
  readonly #parts: ReloadParts;
  #last: Promise<void> = Promise.resolve();
  #status = "";

  /** @param running what the daemon was started with */
  constructor(running: Config, parts: ReloadParts) {
    this.#running = running;
    this.#parts = parts;
  }

  /** What of the last time someone has to look at; empty: nothing. */
  get status(): string {
    return this.#status;
  }

  /** Reads them once more, after those that were asked for before. Never throws. */
  again(): Promise<void> {
    this.#last = this.#last.then(() => this.#read());
    return this.#last;
  }

  async #read(): Promise<void> {
    const { service, log } = this.#parts;
    service.reloading();
    try {
      await this.#take(this.#parts.readConfig());
    } catch (error) {
      const err = describeFault(error);
      this.#status = `the settings can't be read again: ${err}`;
      log.error({ err }, "HUP: the settings can't be read; they stay as they were");
    } finally {
      service.reloaded();
    }
  }

  async #take(config: Config): Promise<void> {
    const { log } = this.#parts;
    const { level } = config.log;
    const waiting = waitForRestart(this.#running, config);
    const isLess = (log.levels.values[level] ?? 0) > log.levelVal;
    if (!isLess) log.level = level;
    await this.#parts.change(config);
    this.#status = waiting.length === 0 ? "" : `${waiting.join(", ")} changed: wait for a restart`;
    const told = { logLevel: level, pinned: config.image.pinned, ...(waiting.length > 0 ? { waiting } : {}) };
    log.info(
      told,
      "HUP: the log's level, AppArmor, the pinned images and how registries are reached are set; other settings are read at a start only",
    );
    log.level = level;
  }
}

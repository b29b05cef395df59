import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { describeFault } from "../base/fault.ts";
import type { Ms } from "../base/units.ts";
import type { Paths } from "../config/paths.ts";
import type { Config } from "../config/schema.ts";
import type { NriObserver, NriPluginReport } from "./contract.ts";
import { endProgram, isProgram, launch, type PluginProgram } from "./launch.ts";
import type { Launched } from "./plugin.ts";

const shortestPause: Ms = 1000;
/** Also for how long one has to hold out for the next pause to be short again. */
const longestPause: Ms = 300_000;

interface Parts {
  readonly settings: Pick<Config["nri"], "pluginConfigPath">;
  readonly paths: Pick<Paths, "launchedPlugins">;
  readonly observer: NriObserver | undefined;
  readonly log: Logger;
  /** Settles when it takes part, or has failed to. Never throws. */
  admit(trunk: Socket, launched: Launched): Promise<void>;
}

/**
 * The programs of the plugins' directory. One that has ended, for whatever reason, is launched again after a pause, which grows as
 * long as it doesn't hold out.
 */
export class LaunchedPrograms {
  readonly #parts: Parts;
  readonly #stopping = new AbortController();
  readonly #waiting = new Set<string>();
  readonly #kept: Promise<void>[] = [];

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Waits until each takes part or has failed once. Never throws. */
  async launchAll(programs: readonly PluginProgram[]): Promise<void> {
    const tried = programs.map((program) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#kept.push(this.#keep(program, resolve));
      return promise;
    });
    await Promise.all(tried);
  }

  /** Says of those that wait to be launched again that they do. */
  told(reports: readonly NriPluginReport[]): NriPluginReport[] {
    return reports.map((report) => {
      const waits = report.kind === "launched" && report.state === "closed" && this.#waiting.has(report.name);
      return waits ? { ...report, state: "waiting" } : report;
    });
  }

  /** None is launched from now on; those that run are for the caller to end. Settles when no launch is under way. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#kept);
  }

  async #keep(program: PluginProgram, tried: () => void): Promise<void> {
    const { signal } = this.#stopping;
    const { log, observer, paths } = this.#parts;
    const plugin = `${program.index}-${program.name}`;
    const stopped = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    for (let pause = shortestPause; ; pause = Math.min(pause * 2, longestPause)) {
      const began = performance.now();
      const { ended } = await this.#launch(program, plugin);
      tried();
      await Promise.race([ended, stopped]);
      if (signal.aborted) return;
      if (performance.now() - began > longestPause) pause = shortestPause;
      log.warn({ plugin, pause }, "an NRI plugin is launched again after a pause");
      this.#waiting.add(plugin);
      await sleep(pause, undefined, { signal, ref: false }).catch(() => undefined);
      this.#waiting.delete(plugin);
      if (signal.aborted) return;
      if (!(await isProgram(program.path))) {
        log.warn({ path: program.path }, "an NRI plugin is gone from its directory, and not launched again");
        return;
      }
      await endProgram(program, paths.launchedPlugins).catch((error: unknown) =>
        log.error({ plugin, err: describeFault(error) }, "what is left of an NRI plugin could not be ended"),
      );
      observer?.launchedAgain(plugin);
    }
  }

  /** Settles when it takes part or has failed; `ended` when it is gone. Never throws. */
  async #launch(program: PluginProgram, plugin: string): Promise<{ ended: Promise<unknown> }> {
    const { settings, paths, log, admit } = this.#parts;
    try {
      const { trunk, launched, ended } = await launch(program, settings, paths.launchedPlugins, log);
      // otherwise whoever ends plugins when the daemon stops would not see this one
      if (this.#stopping.signal.aborted) launched.end();
      else await admit(trunk, launched);
      return { ended };
    } catch (error) {
      log.error({ plugin, err: describeFault(error) }, "an NRI plugin could not be launched");
      return { ended: Promise.resolve() };
    }
  }
}

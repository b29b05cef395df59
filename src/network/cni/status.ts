import { deadlineIn } from "../../base/deadline.ts";
import { describeFault } from "../../base/fault.ts";
import type { Ms } from "../../base/units.ts";
import { programsOf } from "../../spec/cni-config.ts";
import { askStatus } from "./chain.ts";
import type { ConfDirectory, ConfiguredNetworks } from "./conf-directory.ts";
import { findPlugin, type PluginHost } from "./plugin.ts";

/** An answer younger than this is given again. */
const freshMs: Ms = 5000;
/** How long a caller waits for a new answer while there is an older one. */
const patienceMs: Ms = 100;
/** How long the plugins' STATUS may take. */
const deadlineMs: Ms = 5000;

/**
 * Finds out whether pods can be attached. Plugins are asked at most every few seconds, and callers don't wait
 * for them.
 */
export class NetworkStatus {
  readonly #directory: ConfDirectory;
  readonly #host: PluginHost;
  #last: { readonly at: Ms; readonly problem: string | undefined } | undefined;
  #asking: Promise<string | undefined> | undefined;

  constructor(directory: ConfDirectory, host: PluginHost) {
    this.#directory = directory;
    this.#host = host;
  }

  /** Why pods can't be attached, or undefined. */
  async now(): Promise<string | undefined> {
    const configured = await this.#directory.read().catch((error: unknown) => describeFault(error));
    if (typeof configured === "string") return configured;
    const problem = noNetwork(configured, this.#directory.directory) ?? this.#missing(configured);
    return problem ?? (await this.#plugins(configured));
  }

  #missing({ networks }: ConfiguredNetworks): string | undefined {
    for (const { config } of networks) {
      for (const type of programsOf(config)) {
        if (findPlugin(type, this.#host.binDirs) !== undefined) continue;
        return `network "${config.name}": there is no plugin ${type} in ${this.#host.binDirs.join(", ")}`;
      }
    }
    return undefined;
  }

  async #plugins(configured: ConfiguredNetworks): Promise<string | undefined> {
    const last = this.#last;
    if (last !== undefined && performance.now() - last.at < freshMs) return last.problem;
    this.#asking ??= this.#ask(configured).finally(() => {
      this.#asking = undefined;
    });
    if (last === undefined) return await this.#asking;
    const patience = Promise.withResolvers<string | undefined>();
    const timer = setTimeout(() => patience.resolve(last.problem), patienceMs);
    try {
      return await Promise.race([this.#asking, patience.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #ask({ networks }: ConfiguredNetworks): Promise<string | undefined> {
    let problem: string | undefined;
    try {
      using deadline = deadlineIn(deadlineMs);
      for (const { config } of networks) await askStatus(config, this.#host, deadline.signal);
    } catch (error) {
      problem = describeFault(error);
    }
    this.#last = { at: performance.now(), problem };
    return problem;
  }
}

/**
 * Says that there is no network to attach pods to, and why each file was refused; undefined when there is
 * one.
 */
export function noNetwork({ networks, refused }: ConfiguredNetworks, directory: string): string | undefined {
  if (networks.length > 0) return undefined;
  if (refused.length === 0) return `there is no CNI configuration in ${directory}`;
  const reasons = refused.map(({ file, reason }) => `${file}: ${reason}`);
  return `there is no usable CNI configuration in ${directory}: ${reasons.join("; ")}`;
}

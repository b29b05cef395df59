import { Fault } from "../../base/fault.ts";
import type { HandlerProbe } from "../contract.ts";
import { configuredNames, probeOf, resolveHandler } from "../resolve-handler.ts";

/** A configured OCI runtime whose program is there. */
export interface Handler {
  readonly name: string;
  /** As configured; for messages. */
  readonly binary: string;
  /** Absolute. */
  readonly path: string;
  /** What goes before the command: `--root`, `--systemd-cgroup`, the configured ones. */
  readonly args: readonly string[];
  /** Its state: a directory `<id>` for each container, with runc and crun. */
  readonly root: string;
  readonly env: Readonly<Record<string, string>>;
  /**
   * What the program says it is. crun and runc run a container as processes of this host, so that a signal to its init
   * and its cgroup reach it; of others that is not known.
   */
  readonly kind: "crun" | "runc" | "runsc" | "other";
  /** What makes the sandbox of its pods; undefined: they need none. */
  readonly sandboxer: HandlerProbe["sandboxer"];
}

/** Whether its containers are processes of this host, each with a directory by its id in the runtime's root. */
export function runsOnHost(handler: Handler): handler is Handler & { readonly kind: "crun" | "runc" } {
  const { kind } = handler;
  return kind === "crun" || kind === "runc";
}

/** The configured handlers with their probes, and which one a pod gets. */
export class Handlers {
  readonly #handlers: ReadonlyMap<string, Handler>;
  readonly #probes: Map<string, HandlerProbe>;
  readonly #default: string;

  /** In the order of the config. */
  constructor(probed: readonly { handler: Handler; probe: HandlerProbe }[], defaultName: string) {
    this.#probes = new Map(probed.map(({ handler, probe }) => [handler.name, probe]));
    this.#handlers = new Map(probed.map(({ handler }) => [handler.name, handler]));
    this.#default = defaultName;
  }

  get probes(): readonly HandlerProbe[] {
    return [...this.#probes.values()];
  }

  /** A handler was tried out again. */
  probed(probe: HandlerProbe): void {
    this.#probes.set(probe.handler, probe);
  }

  /** @throws {Fault} wrongState when it is configured no longer */
  get(name: string): Handler {
    const handler = this.#handlers.get(name);
    if (handler !== undefined) return handler;
    throw new Fault("wrongState", `runtime handler "${name}" is not configured`, {
      hint: configuredNames(this.probes),
    });
  }

  find(name: string): Handler | undefined {
    return this.#handlers.get(name);
  }

  all(): Iterable<Handler> {
    return this.#handlers.values();
  }

  /** The handler for a pod that names `name`. @throws {Fault} as resolveHandler */
  resolve(name: string): HandlerProbe {
    return resolveHandler(name, this.#default, this.probes);
  }

  /** What came of trying it out. @throws {Fault} invalid with the names there are */
  probe(name: string): HandlerProbe {
    return probeOf(name, this.probes);
  }
}

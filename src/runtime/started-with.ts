import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { ContainerId, PodSandboxId } from "../base/ids.ts";
import type { Paths } from "../config/paths.ts";
import type { Handler } from "./conmon/handlers.ts";
import type { ShimHandler } from "./shim/handler.ts";

/** What a container was started with. It goes on under that, whatever its handler's name comes to stand for. */
export type StartedWith =
  | { readonly monitor: "conmon"; readonly handler: Handler }
  | { readonly monitor: "shim"; readonly handler: ShimHandler };

/** Notes of what containers were started with, in their bundles: a later daemon may have another configuration. */
export class StartedWithNotes {
  readonly #paths: Paths;
  /** Of those that were asked for: figures are, of every container, every few seconds. */
  readonly #kept = new Map<ContainerId, StartedWith>();
  /** By their text: most containers were started with the same. */
  readonly #same = new Map<string, StartedWith>();

  constructor(paths: Paths) {
    this.#paths = paths;
  }

  /** Undefined: it has not come to that, is gone, or was started by a berth that made no notes. */
  of(id: ContainerId): StartedWith | undefined {
    const kept = this.#kept.get(id);
    if (kept !== undefined) return kept;
    const { handlerFile } = this.#paths.container(id);
    return existsSync(handlerFile) ? this.#keep(id, readFileSync(handlerFile, "utf8")) : undefined;
  }

  /** What a pod's own container was started with. Undefined also where it has none. */
  ofPod(id: PodSandboxId | undefined): StartedWith | undefined {
    return id && this.of(id as string as ContainerId);
  }

  /** Before the container's first trace. Whole or not at all. */
  note(id: ContainerId, startedWith: StartedWith): void {
    const { handlerFile } = this.#paths.container(id);
    const text = JSON.stringify(startedWith);
    writeFileSync(`${handlerFile}.new`, text, { mode: 0o600 });
    renameSync(`${handlerFile}.new`, handlerFile);
    this.#keep(id, text);
  }

  /** The container is gone, and its note with it. */
  forget(id: ContainerId): void {
    this.#kept.delete(id);
  }

  #keep(id: ContainerId, text: string): StartedWith {
    const startedWith = this.#same.get(text) ?? (JSON.parse(text) as StartedWith);
    this.#same.set(text, startedWith);
    this.#kept.set(id, startedWith);
    return startedWith;
  }
}

import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PodSandboxId } from "../../base/ids.ts";
import type { Mounts } from "../../linux/contract.ts";
import { firstPinned } from "./netns.ts";

/**
 * Network namespaces that outlive their pods, pinned by the pod's id until the plugins have detached them: without one, a
 * plugin gives the address back but can't tell which rules it made for it.
 */
export class KeptNamespaces {
  readonly #directory: string;
  readonly #mounts: Pick<Mounts, "bind" | "unmount">;

  constructor(directory: string, mounts: Pick<Mounts, "bind" | "unmount">) {
    this.#directory = directory;
    this.#mounts = mounts;
  }

  /** Where the namespace is pinned if it is kept. */
  pathOf(id: PodSandboxId): string {
    return join(this.#directory, id);
  }

  /** Pins what is pinned at `netns` a second time. Nothing is kept when nothing is there any more. */
  async keep(id: PodSandboxId, netns: string): Promise<void> {
    const path = this.pathOf(id);
    if (firstPinned([netns]) === "" || firstPinned([path]) !== "") return;
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    await writeFile(path, "");
    await this.#mounts.bind(netns, path);
  }

  /** Lets the namespace go. Succeeds when it is not kept. */
  async drop(id: PodSandboxId): Promise<void> {
    await this.#mounts.unmount(this.pathOf(id));
    await rm(this.pathOf(id), { force: true });
  }

  /** Lets those go that no pod in `abandoned` needs: a kill came between the keeping and its end. */
  async sweep(abandoned: readonly PodSandboxId[]): Promise<void> {
    const needed = new Set<string>(abandoned);
    const names = await readdir(this.#directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return [];
      throw error;
    });
    for (const name of names) if (!needed.has(name)) await this.drop(name as PodSandboxId);
  }
}

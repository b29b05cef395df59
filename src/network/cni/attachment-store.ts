import { readFileSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "../../base/fault.ts";
import type { PodSandboxId } from "../../base/ids.ts";
import type { Files } from "../../linux/contract.ts";
import { checkPlugins, parseNetworkConfigList } from "../../spec/cni-config.ts";
import type { Attachment } from "./chain.ts";

/**
 * A pod's attachments to all its networks, in order; written before the first ADD, removed after the last
 * DEL.
 */
export interface PodAttachments {
  readonly id: PodSandboxId;
  readonly netns: string;
  readonly attachments: readonly Attachment[];
}

/** Stands for a file that can't be read back (cut short by a power loss): the pod may have been attached. */
export const unreadable = Symbol("unreadable");

/**
 * The pods' attachments as files, `<id>.json`, in `attached/`; in `abandoned/` those that only the retries
 * still know.
 */
export class AttachmentStore {
  readonly #attached: string;
  readonly #abandoned: string;
  readonly #files: Files;

  private constructor(directory: string, files: Files) {
    this.#files = files;
    this.#attached = join(directory, "attached");
    this.#abandoned = join(directory, "abandoned");
  }

  static async open(directory: string, files: Files): Promise<AttachmentStore> {
    const store = new AttachmentStore(directory, files);
    for (const each of [store.#attached, store.#abandoned]) {
      await mkdir(each, { recursive: true, mode: 0o700 });
      // Writes that a kill interrupted: the file that each was to replace is still there.
      const names = await readdir(each);
      await Promise.all(names.filter((name) => name.endsWith(".new")).map((name) => rm(join(each, name))));
    }
    return store;
  }

  async write(pod: PodAttachments): Promise<void> {
    const path = fileOf(this.#attached, pod.id);
    await this.#files.change([{ change: "replace", path, text: JSON.stringify(pod), mode: 0o600 }]);
  }

  attached(id: PodSandboxId): PodAttachments | typeof unreadable | undefined {
    return read(fileOf(this.#attached, id), id);
  }

  abandoned(id: PodSandboxId): PodAttachments | typeof unreadable | undefined {
    return read(fileOf(this.#abandoned, id), id);
  }

  async forgetAttached(id: PodSandboxId): Promise<void> {
    await this.#files.change([{ change: "remove", path: fileOf(this.#attached, id) }]);
  }

  async forgetAbandoned(id: PodSandboxId): Promise<void> {
    await rm(fileOf(this.#abandoned, id), { force: true });
  }

  /** @returns false when there is nothing to abandon */
  async abandon(id: PodSandboxId): Promise<boolean> {
    try {
      await rename(fileOf(this.#attached, id), fileOf(this.#abandoned, id));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
      throw error;
    }
  }

  attachedIds(): Promise<PodSandboxId[]> {
    return idsIn(this.#attached);
  }

  abandonedIds(): Promise<PodSandboxId[]> {
    return idsIn(this.#abandoned);
  }
}

const idForm = /^[0-9a-f]{64}$/;

function fileOf(directory: string, id: PodSandboxId): string {
  if (!idForm.test(id)) throw new Fault("internal", `"${id}" is no pod sandbox id`);
  return join(directory, `${id}.json`);
}

async function idsIn(directory: string): Promise<PodSandboxId[]> {
  const names = await readdir(directory);
  return names
    .filter((name) => name.endsWith(".json"))
    .map((name) => name.slice(0, -".json".length))
    .filter((name): name is PodSandboxId => idForm.test(name));
}

function read(file: string, id: PodSandboxId): PodAttachments | typeof unreadable | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    const { netns, attachments } = JSON.parse(text) as PodAttachments;
    if (typeof netns !== "string" || !Array.isArray(attachments)) return unreadable;
    return { id, netns, attachments: attachments.map(checked) };
  } catch {
    return unreadable;
  }
}

function checked(stored: Attachment): Attachment {
  for (const text of [stored.containerId, stored.interfaceName, stored.args]) {
    if (typeof text !== "string") throw new Fault("corrupt", "a cached attachment is not whole");
  }
  const config = checkPlugins(parseNetworkConfigList(JSON.stringify(stored.config)));
  return { ...stored, config, runtimeConfig: { ...stored.runtimeConfig } };
}

import { Fault } from "../base/fault.ts";
import type { ContainerId } from "../base/ids.ts";
import type { Paths } from "../config/paths.ts";
import type { FileOwner } from "../linux/contract.ts";
import type { OciConfig, OciProcess } from "../spec/oci-runtime.ts";
import { cgroupOf, readBundle } from "./bundle.ts";

/** What every command in one container has in common. */
export interface ExecTemplate {
  /** The container's own process, without its terminal: user, environment, capabilities and limits. */
  readonly process: OciProcess;
  /** Its user, as the host has the ids. */
  readonly owner: FileOwner;
  /** From the root of the hierarchies. Undefined: the runtime chose it. */
  readonly cgroup: string | undefined;
}

/** A node's containers with probes, and more; a template takes about 4 kB. */
const mostKept = 512;

/**
 * The templates of the containers in which commands were run lately. A probe comes every few seconds, and most of a bundle's
 * config.json, which never changes, is the seccomp profile: parsing it each time took a third of the daemon's part.
 */
export class ExecTemplates {
  readonly #paths: Paths;
  /** The least recently used first. */
  readonly #kept = new Map<ContainerId, ExecTemplate>();

  constructor(paths: Paths) {
    this.#paths = paths;
  }

  /** @throws {Fault} wrongState when the container has no bundle (any more) */
  get(id: ContainerId): ExecTemplate {
    const template = this.#kept.get(id) ?? this.#read(id);
    this.#kept.delete(id);
    this.#kept.set(id, template);
    if (this.#kept.size > mostKept)
      for (const [oldest] of this.#kept.entries().take(1)) this.#kept.delete(oldest);
    return template;
  }

  forget(id: ContainerId): void {
    this.#kept.delete(id);
  }

  #read(id: ContainerId): ExecTemplate {
    const config = readBundle(this.#paths.container(id).bundle);
    if (config === undefined) throw new Fault("wrongState", `container ${id} has no bundle`);
    const { consoleSize: _, ...process } = config.process;
    return { process: { ...process, terminal: false }, owner: ownerOf(config), cgroup: cgroupOf(config) };
  }
}

function ownerOf({ process, linux }: OciConfig): FileOwner {
  const { uid, gid } = process.user;
  const [uids] = linux.uidMappings ?? [];
  const [gids] = linux.gidMappings ?? [];
  return { uid: uid + (uids?.hostID ?? 0), gid: gid + (gids?.hostID ?? 0) };
}

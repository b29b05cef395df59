import { readFileSync, statSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { Fault } from "../base/fault.ts";
import type { FileChange } from "../linux/contract.ts";
import { mountHolding, parseMountinfo } from "../linux/mountinfo.ts";
import { type OciConfig, type OciMount, oldestOciVersion } from "../spec/oci-runtime.ts";
import type { ContainerAttempt } from "./parts.ts";
import type { ContainerRecord } from "./state.ts";

/**
 * Binds the mounts that have mappings in the bundle, with the ids of the pod's user namespace, from where the OCI runtime
 * takes them: it needs to know nothing of mappings, and older ones don't.
 *
 * @throws {Fault} invalid for a file system that can't show other ids
 */
export async function mapVolumes(
  record: ContainerRecord,
  { host, pod }: ContainerAttempt,
  config: OciConfig,
): Promise<OciConfig> {
  const users = pod?.namespaces.user;
  if (users === undefined) return config;
  const { mapped } = host.paths.container(record.id);
  const mounts: OciMount[] = [];
  for (const [index, mount] of config.mounts.entries()) {
    const { uidMappings, gidMappings: _, ...plain } = mount;
    const { source } = mount;
    if (uidMappings === undefined || source === undefined) {
      mounts.push(mount);
      continue;
    }
    const at = join(mapped, `${index}`);
    await host.files.change([{ change: "makeDirectory", path: mapped, mode: 0o711 }, placeFor(source, at)]);
    const propagation = mount.options?.includes("rslave") === true ? "slave" : "private";
    try {
      await host.mounts.bind(source, at, { recursive: true, idmap: users, propagation });
    } catch (cause) {
      throw cannotMap(mount, source, cause);
    }
    mounts.push({ ...plain, source: at });
  }
  const bound = { ...config, mounts };
  return { ...bound, ociVersion: oldestOciVersion(bound) };
}

function placeFor(source: string, at: string): FileChange {
  if (statSync(source).isDirectory()) return { change: "makeDirectory", path: at, mode: 0o700 };
  return { change: "write", path: at, text: "", mode: 0o600 };
}

/** The kernel from which a file system has ID-mapped mounts, where users meet ones that are older. */
const mappedSince: Readonly<Record<string, string>> = { tmpfs: "6.3", ceph: "6.7" };

function cannotMap({ destination }: OciMount, source: string, cause: unknown): Fault {
  const holding = mountHolding(parseMountinfo(readFileSync("/proc/self/mountinfo")), source);
  const since = mappedSince[holding?.type ?? ""];
  const kernel =
    since === undefined
      ? "use a file system with ID-mapped mounts (mount_setattr(2))"
      : `${holding?.type} has ID-mapped mounts from Linux ${since} on, this is ${release()}: use another`;
  const on = holding === undefined ? "" : `, which lies on ${holding.target} (${holding.type})`;
  return new Fault(
    "invalid",
    `the mount of ${source} at ${destination}${on}: its files can't be shown with the ids of the pod's user namespace`,
    { cause, hint: `${kernel}, or hostUsers: true` },
  );
}

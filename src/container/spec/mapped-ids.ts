import { isDeepStrictEqual } from "node:util";
import { Fault } from "../../base/fault.ts";
import type { ContainerConfig, Mount } from "../../spec/cri/container-config.ts";
import type { UserMappings } from "../../spec/cri/security.ts";
import type { ContainerUser } from "../state.ts";

/**
 * Checks what the mounts of a container ask for against the pod's user namespace, if it has one.
 *
 * @throws {Fault} invalid for other mappings than the pod's; for mounts that were to spread from a user namespace, which
 *   the kernel doesn't let out of it
 */
export function requireMappableMounts(
  { mounts }: Pick<ContainerConfig, "mounts">,
  pod: UserMappings | undefined,
): void {
  for (const [index, mount] of mounts.entries()) {
    const field = `config.mounts[${index}]`;
    if (mount.uidMappings.length + mount.gidMappings.length > 0) requireSame(mount, field, pod);
    if (pod === undefined || mount.propagation !== "bidirectional") continue;
    throw new Fault(
      "invalid",
      `${field}: bidirectional propagation can't work in a pod with a user namespace: what it mounts stays in it`,
    );
  }
}

function requireSame({ uidMappings, gidMappings }: Mount, field: string, pod: UserMappings | undefined) {
  if (pod === undefined) {
    throw new Fault("invalid", `${field} has mappings of ids, but the pod has no user namespace`);
  }
  if (isDeepStrictEqual(uidMappings, [pod.uids]) && isDeepStrictEqual(gidMappings, [pod.gids])) return;
  throw new Fault("invalid", `${field}: its mappings of ids differ from those of the pod's user namespace`);
}

/** @throws {Fault} invalid for a user or group that the pod's user namespace doesn't have */
export function requireMappedUser(user: ContainerUser, pod: UserMappings | undefined): void {
  if (pod === undefined) return;
  const { uid, gid, supplementalGroups } = user;
  requireId("user", uid, pod.uids.length);
  for (const group of [gid, ...supplementalGroups]) requireId("group", group, pod.gids.length);
}

function requireId(what: "user" | "group", id: number, length: number): void {
  if (id < length) return;
  throw new Fault(
    "invalid",
    `the container is to run with ${what} ${id}, but the pod's user namespace has ids 0 to ${length - 1} only`,
  );
}

import { type IDMapping, NamespaceMode, type PodSandboxConfig } from "../../src/wire/gen/runtime.v1.ts";
import type { TestDaemon } from "./daemon.ts";
import { podConfig } from "./pods.ts";

/** What a kubelet gives each pod. */
export const idsOfPod = 65_536;

function mapping(hostId: number): IDMapping {
  return { hostId, containerId: 0, length: idsOfPod };
}

/** A pod's user namespace whose root has `hostId` on the host. */
export function usersOptions(hostId: number) {
  return { mode: NamespaceMode.POD, uids: [mapping(hostId)], gids: [mapping(hostId)] };
}

/** For a mount that shows the ids of such a pod. */
export function mountMappings(hostId: number) {
  return { uidMappings: [mapping(hostId)], gidMappings: [mapping(hostId)] };
}

/** A pod with such a user namespace, as a kubelet would ask for it. */
export function usersPodConfig(
  daemon: TestDaemon,
  name: string,
  hostId: number,
  namespaces: { network?: NamespaceMode; pid?: NamespaceMode; ipc?: NamespaceMode } = {},
): PodSandboxConfig {
  const config = podConfig(daemon, name);
  const options = config.linux?.securityContext?.namespaceOptions;
  if (options === undefined) throw new Error("a pod without namespaces");
  Object.assign(options, namespaces, { usernsOptions: usersOptions(hostId) });
  return config;
}

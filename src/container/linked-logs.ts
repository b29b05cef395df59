import { symlink } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { during, Fault } from "../base/fault.ts";
import { handlerSettings } from "../config/handler-settings.ts";
import { orderOf } from "../config/pod-orders.ts";
import type { ContainerConfig } from "../spec/cri/container-config.ts";
import type { ContainerAttempt, ContainerHost } from "./parts.ts";
import type { ContainerPod } from "./pod.ts";
import type { ContainerRecord } from "./state.ts";

/** Where a kubelet has the emptyDir volumes of a pod, below its own directory. */
const emptyDirectories = "volumes/kubernetes.io~empty-dir";

interface LinkedLogs {
  /** Of the pod's logs. */
  readonly directory: string;
  /** How a kubelet's path of the volume ends that they are seen in. */
  readonly volume: string;
}

/** Whether the pod's logs are to be seen in one of its volumes. @throws {Fault} invalid */
function linkedLogs(
  { config, handler }: ContainerPod,
  host: Pick<ContainerHost, "config">,
): LinkedLogs | undefined {
  const { allowedAnnotations } = handlerSettings(host.config.runtime.handlers, handler);
  const order = orderOf("linkLogs", config.annotations, allowedAnnotations);
  if (order === undefined) return undefined;
  const { key, value } = order;
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(value))
    throw new Fault("invalid", `the pod's annotation ${key}: "${value}" is not the name of a volume`);
  if (config.logDirectory === "")
    throw new Fault("invalid", `the pod's annotation ${key}: the pod has no log directory`);
  return {
    directory: config.logDirectory,
    volume: `/pods/${config.metadata.uid}/${emptyDirectories}/${value}`,
  };
}

/**
 * The container with its pod's logs, to be read only, in the place of the volume that the pod names for them (CRI-O's link-logs). The
 * volume itself stays as it is: nothing is mounted where the kubelet removes it.
 *
 * @throws {Fault} invalid
 */
export function withLinkedLogs(
  config: ContainerConfig,
  pod: ContainerPod,
  host: Pick<ContainerHost, "config">,
): ContainerConfig {
  const logs = linkedLogs(pod, host);
  if (logs === undefined) return config;
  const mounts = config.mounts.map((mount) =>
    mount.hostPath.endsWith(logs.volume) ? { ...mount, hostPath: logs.directory, readonly: true } : mount,
  );
  return { ...config, mounts };
}

/** Where the log is to be found by the container's id, too; undefined: nowhere. @throws {Fault} invalid */
export function logLink(
  { id, logPath }: Pick<ContainerRecord, "id" | "logPath">,
  pod: ContainerPod,
  host: Pick<ContainerHost, "config">,
): string | undefined {
  const logs = linkedLogs(pod, host);
  return logs === undefined || logPath === "" ? undefined : join(logs.directory, `${id}.log`);
}

/** A relative link: it holds wherever the directory is mounted. */
export async function linkLog({ logLink: link, logPath }: ContainerRecord): Promise<void> {
  if (link === undefined) return;
  await symlink(relative(dirname(link), logPath), link).catch((error: unknown) => {
    throw during(`linking the log ${logPath} as ${link}`, error);
  });
}

export async function unlinkLog(
  { logLink: link }: ContainerRecord,
  { host }: ContainerAttempt,
): Promise<void> {
  if (link !== undefined) await host.files.change([{ change: "remove", path: link }]);
}

import { createHash } from "node:crypto";
import { Fault } from "../../base/fault.ts";
import type { SELinuxOptions } from "../../spec/cri/security.ts";
import type { HostFacts, OciConfigInput } from "./input.ts";

/** SELinux labels of a container (config, Linux process; config-linux, mountLabel). */
export interface SelinuxLabels {
  readonly process: string | undefined;
  readonly mount: string;
}

/** What of a container's input its labels depend on. */
export type LabelInput = Pick<OciConfigInput, "config" | "pod"> & {
  readonly host: Pick<HostFacts, "selinux">;
};

/**
 * The labels of a container, by its own options or else its pod's; undefined on a host without SELinux.
 *
 * @throws {Fault} as `selinuxLabels`
 */
export function containerLabels({ config: { security }, pod, host }: LabelInput): SelinuxLabels | undefined {
  return selinuxLabels({
    options: security.selinux ?? pod.config.security.selinux,
    privileged: security.privileged,
    podId: pod.id,
    enabled: host.selinux,
  });
}

/** What a container's labels are made from. */
interface SelinuxRequest {
  /** The container's own options, or the pod's. */
  readonly options: SELinuxOptions | undefined;
  readonly privileged: boolean;
  readonly podId: string;
  /** False: the host has no SELinux. The options are then checked and nothing more. */
  readonly enabled: boolean;
}

/**
 * The labels. Without a level, the containers of a pod get two categories of their own, derived from the pod's id.
 * Privileged processes have no label.
 *
 * @throws {Fault} invalid for a part that is malformed
 */
export function selinuxLabels({
  options,
  privileged,
  podId,
  enabled,
}: SelinuxRequest): SelinuxLabels | undefined {
  for (const part of ["user", "role", "type"] as const) {
    // Parts of a label end up in mount options.
    if (/^[A-Za-z0-9_.-]*$/.test(options?.[part] ?? "")) continue;
    throw new Fault(
      "invalid",
      `config.linux.securityContext.selinuxOptions.${part} "${options?.[part]}" is malformed`,
    );
  }
  const level = options?.level ?? "";
  if (level !== "" && !/^s[0-9]+(-s[0-9]+)?(:c[0-9]+([.,]c[0-9]+)*)?$/.test(level)) {
    throw new Fault("invalid", `config.linux.securityContext.selinuxOptions.level "${level}" is malformed`);
  }
  if (!enabled) return undefined;
  const range = level === "" ? ownLevel(podId) : level;
  const user = options?.user || "system_u";
  const process = `${user}:${options?.role || "system_r"}:${options?.type || "container_t"}:${range}`;
  return { process: privileged ? undefined : process, mount: `${user}:object_r:container_file_t:${range}` };
}

function ownLevel(podId: string): string {
  const hash = createHash("sha256").update(podId).digest();
  const first = hash.readUInt32BE(0) % 1024;
  const second = (first + 1 + (hash.readUInt32BE(4) % 1023)) % 1024;
  return `s0:c${Math.min(first, second)},c${Math.max(first, second)}`;
}

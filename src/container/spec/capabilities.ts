import { Fault } from "../../base/fault.ts";
import type { Capabilities } from "../../spec/cri/container-config.ts";
import type { OciCapabilities } from "../../spec/oci-runtime.ts";

/** Every capability of Linux, in the order of their numbers (capabilities(7), linux/capability.h). */
export const capabilityNames: readonly string[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_DAC_READ_SEARCH",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_LINUX_IMMUTABLE",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_BROADCAST",
  "CAP_NET_ADMIN",
  "CAP_NET_RAW",
  "CAP_IPC_LOCK",
  "CAP_IPC_OWNER",
  "CAP_SYS_MODULE",
  "CAP_SYS_RAWIO",
  "CAP_SYS_CHROOT",
  "CAP_SYS_PTRACE",
  "CAP_SYS_PACCT",
  "CAP_SYS_ADMIN",
  "CAP_SYS_BOOT",
  "CAP_SYS_NICE",
  "CAP_SYS_RESOURCE",
  "CAP_SYS_TIME",
  "CAP_SYS_TTY_CONFIG",
  "CAP_MKNOD",
  "CAP_LEASE",
  "CAP_AUDIT_WRITE",
  "CAP_AUDIT_CONTROL",
  "CAP_SETFCAP",
  "CAP_MAC_OVERRIDE",
  "CAP_MAC_ADMIN",
  "CAP_SYSLOG",
  "CAP_WAKE_ALARM",
  "CAP_BLOCK_SUSPEND",
  "CAP_AUDIT_READ",
  "CAP_PERFMON",
  "CAP_BPF",
  "CAP_CHECKPOINT_RESTORE",
];

/** What a container's capabilities are made from. */
export interface CapabilityRequest {
  readonly wanted: Capabilities;
  readonly privileged: boolean;
  /** What containers have by default. */
  readonly defaults: readonly string[];
  /** Whether programs that may inherit capabilities (file capabilities) inherit all of them. */
  readonly inheritable: boolean;
  /** What the kernel knows and the daemon can hand on. */
  readonly held: readonly string[];
}

/**
 * The capability sets of the process. `ALL` is applied before single names, adding before dropping, so that "add ALL,
 * drop CHOWN" leaves all but CHOWN. What the daemon doesn't hold itself is left out, as the runtime spec asks.
 *
 * A process of another user than root keeps none of these over its exec but the ambient ones; they bound what setuid
 * programs and file capabilities can give it. The inheritable set is empty but for the ambient ones, unless
 * `inheritable`.
 *
 * @throws {Fault} invalid naming what is no capability
 */
export function processCapabilities({
  wanted,
  privileged,
  defaults,
  inheritable,
  held,
}: CapabilityRequest): OciCapabilities {
  const field = "config.linux.securityContext.capabilities";
  const add = parseNames(wanted.add, `${field}.addCapabilities`);
  const drop = parseNames(wanted.drop, `${field}.dropCapabilities`);
  const addAmbient = parseNames(wanted.addAmbient, `${field}.addAmbientCapabilities`);
  const base = parseNames(defaults, "container.capabilities");
  let granted = new Set(base.all ? held : base.names);
  if (add.all) granted = new Set(held);
  if (drop.all) granted = new Set();
  let ambient = new Set(addAmbient.all ? held : addAmbient.names);
  granted = granted.union(add.names).union(ambient).difference(drop.names);
  ambient = ambient.difference(drop.names);
  if (privileged) granted = new Set(held);
  // The order of numbers, so that equal sets give equal files.
  const inOrder = (set: ReadonlySet<string>) =>
    capabilityNames.filter((name) => set.has(name) && held.includes(name));
  const bounding = inOrder(granted);
  return {
    bounding,
    effective: bounding,
    permitted: bounding,
    inheritable: inheritable ? bounding : inOrder(ambient),
    ambient: inOrder(ambient),
  };
}

interface ParsedNames {
  readonly all: boolean;
  readonly names: ReadonlySet<string>;
}

function parseNames(given: readonly string[], field: string): ParsedNames {
  const names = new Set<string>();
  let all = false;
  for (const name of given) {
    const upper = name.toUpperCase();
    if (upper === "ALL") {
      all = true;
      continue;
    }
    const full = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
    if (!capabilityNames.includes(full))
      throw new Fault("invalid", `${field}: "${name}" is not a capability`);
    names.add(full);
  }
  return { all, names };
}

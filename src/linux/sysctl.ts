import { Fault } from "../base/fault.ts";
import type { NamespaceKind } from "./contract.ts";

/** Which namespace holds a setting; undefined for one of the whole machine. */
function namespaceOf(parts: readonly string[]): NamespaceKind | undefined {
  const [top, second] = parts;
  if (top === "net") return "net";
  if (top === "kernel" && second === "domainname") return "uts";
  if (top === "kernel" && second !== undefined && /^(shm|msg|sem$)/.test(second)) return "ipc";
  if (top === "fs" && second === "mqueue") return "ipc";
  return undefined;
}

/**
 * The file of a setting, after checking that it belongs to one of the namespaces `kinds`, so that a write can
 * not reach the host's. As in sysctl(8), what comes first, `.` or `/`, parts the name, and the other stands
 * for a dot in a part (`net.ipv4.conf.eth0/100.forwarding`).
 *
 * @throws {Fault} invalid when it is of the whole machine, of a namespace that is shared with the host, or
 * malformed
 */
export function sysctlFile(name: string, kinds: readonly NamespaceKind[]): string {
  const slashed = /^[^./]*\//.test(name);
  const parts = name.split(slashed ? "/" : ".").map((part) => (slashed ? part : part.replaceAll("/", ".")));
  if (
    parts.length < 2 ||
    parts.some((part) => part === "" || part === "." || part === ".." || part.includes("\0"))
  ) {
    throw new Fault("invalid", `sysctl ${JSON.stringify(name)}: not a name`);
  }
  const kind = namespaceOf(parts);
  if (kind === undefined)
    throw new Fault("invalid", `sysctl ${name}: belongs to the whole node, not to a pod`);
  if (!kinds.includes(kind)) {
    throw new Fault("invalid", `sysctl ${name}: needs a ${kind} namespace of its own`);
  }
  return `/proc/sys/${parts.join("/")}`;
}

import type { NamespaceOptions } from "../../spec/cri/security.ts";

/**
 * The pod's sysctls that the container needs itself: those of IPC, when it has an IPC namespace of its own. The others
 * were set as the pod's namespaces were made.
 */
export function containerSysctls(
  podSysctls: Readonly<Record<string, string>>,
  wanted: Pick<NamespaceOptions, "ipc">,
): Record<string, string> {
  if (wanted.ipc !== "container") return {};
  const dotted = Object.entries(podSysctls).map(
    ([name, value]) => [name.replaceAll("/", "."), value] as const,
  );
  return Object.fromEntries(dotted.filter(([name]) => /^(kernel\.(shm|msg|sem)|fs\.mqueue\.)/.test(name)));
}

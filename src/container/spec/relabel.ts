import type { FileLabels } from "../../linux/contract.ts";
import type { FoundFacts, OciConfigInput } from "./input.ts";
import { containerLabels, type LabelInput } from "./selinux.ts";

/** Runs as a part of the host: may touch every label. */
const unconfinedType = "spc_t";

/**
 * Gives the container's label to what it is to use of the host: the volumes for which the caller asks that, and the pod's
 * own files. Does nothing on a host without SELinux, nor for a container that SELinux doesn't confine.
 *
 * @throws {Fault} invalid for a directory that the host lives by
 */
export async function relabelVolumes(
  input: LabelInput & { readonly found: Pick<FoundFacts, "mounts"> },
  labels: FileLabels,
): Promise<void> {
  const label = containerLabels(input)?.mount;
  const { config, pod, found } = input;
  const options = config.security.selinux ?? pod.config.security.selinux;
  if (label === undefined || options?.type === unconfinedType) return;
  const asked = config.mounts.flatMap(({ selinuxRelabel, image }, index) => {
    const source = found.mounts[index]?.source;
    return selinuxRelabel && image === undefined && source !== undefined ? [source] : [];
  });
  for (const path of new Set([...podFiles(input), ...asked])) await labels.relabel(path, label);
}

function podFiles({ config, pod }: Pick<OciConfigInput, "config" | "pod">): string[] {
  const { hostname, hosts, resolvConf, shm } = pod.files;
  const { ipc } = config.security.namespaces;
  return [hostname, hosts, resolvConf, ...(ipc === "pod" ? [shm] : [])];
}

import { posix } from "node:path";
import type { OciMount } from "../../spec/oci-runtime.ts";
import type { OciConfigInput } from "./input.ts";
import { destinationOf } from "./requested-devices.ts";

/**
 * Devices that the container has at another path than the node, in a pod with a user namespace, as bind mounts. No device
 * can be made there, so the OCI runtime binds the node's, which it looks for at the container's path.
 */
export function renamedDevices({ pod, found }: Pick<OciConfigInput, "pod" | "found">): OciMount[] {
  if (pod.namespaces.user === undefined) return [];
  return found.devices.flatMap(({ requested, nodes }) => {
    const from = posix.resolve("/", requested.hostPath);
    const to = destinationOf(requested);
    if (from === to) return [];
    return nodes.map(({ path }): OciMount => {
      const source = `${from}${path.slice(to.length)}`; // of a directory, what is below it
      return { destination: path, type: "bind", source, options: ["bind", "rprivate"] };
    });
  });
}

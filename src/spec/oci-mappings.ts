import type { IdMapping, UserMappings } from "./cri/security.ts";
import type { OciIdMapping, OciLinux } from "./oci-runtime.ts";

/** The mappings of a container that joins a user namespace, which runtimes want beside its path (config-linux). */
export function ociMappings(users: UserMappings | undefined): Pick<OciLinux, "uidMappings" | "gidMappings"> {
  if (users === undefined) return {};
  return { uidMappings: [ociMapping(users.uids)], gidMappings: [ociMapping(users.gids)] };
}

/** A user or group id mapping in the OCI's words. */
export function ociMapping({ hostId, containerId, length }: IdMapping): OciIdMapping {
  return { hostID: hostId, containerID: containerId, size: length };
}

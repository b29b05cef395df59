import { posix } from "node:path";
import { Fault } from "../../base/fault.ts";
import type { Mount } from "../../spec/cri/container-config.ts";
import { ociMapping } from "../../spec/oci-mappings.ts";
import type { OciMount } from "../../spec/oci-runtime.ts";
import type { FoundMount, RuntimeFeatures } from "./input.ts";

/** Where in the container a mount goes: absolute and clean. A relative path counts from the root, as for the kubelet. */
export function containerDestination(mount: Pick<Mount, "containerPath">): string {
  return posix.resolve("/", mount.containerPath);
}

/**
 * A mount that the caller asks for, as a bind mount. Its destination is resolved by the OCI runtime within the root
 * file system. A `selinuxRelabel` changes nothing on a host without SELinux.
 *
 * @throws {Fault} invalid for options that contradict each other or that the host's mount can't give
 */
export function criMount(
  mount: Mount,
  index: number,
  found: FoundMount | undefined,
  runtime: RuntimeFeatures,
): OciMount {
  const field = `config.mounts[${index}]`;
  requireMountable(mount, field, runtime);
  if (found === undefined) throw new Fault("internal", `${field}: the source was not looked up`);
  const options = ["rbind", propagationOption(mount, field, found), ...accessOptions(mount)];
  return {
    destination: containerDestination(mount),
    type: "bind",
    source: found.source,
    options,
    ...mappings(mount),
  };
}

/** An image is mounted with the pod's ids already. */
function mappings({ image, uidMappings, gidMappings }: Mount): Pick<OciMount, "uidMappings" | "gidMappings"> {
  if (image !== undefined || uidMappings.length + gidMappings.length === 0) return {};
  return { uidMappings: uidMappings.map(ociMapping), gidMappings: gidMappings.map(ociMapping) };
}

/**
 * Checks what can be known of a mount before the host is looked at.
 *
 * @throws {Fault} as `criMount`
 */
export function requireMountable(mount: Mount, field: string, runtime: RuntimeFeatures): void {
  if (mount.containerPath === "") throw new Fault("invalid", `${field}.containerPath is not set`);
  if (mount.containerPath.includes("\0"))
    throw new Fault("invalid", `${field}.containerPath holds a NUL byte`);
  if (containerDestination(mount) === "/")
    throw new Fault("invalid", `${field}.containerPath is the root itself`);
  requireKnownOptions(mount, field);
  if (mount.recursiveReadOnly) requireRecursiveReadOnly(mount, field, runtime);
  if (mount.image !== undefined) {
    if (mount.propagation !== "bidirectional") return;
    throw new Fault("invalid", `${field}: an image can't have bidirectional propagation: it is read-only`);
  }
  if (!posix.isAbsolute(mount.hostPath) || mount.hostPath.includes("\0")) {
    throw new Fault("invalid", `${field}.hostPath "${mount.hostPath}" is not an absolute path`);
  }
}

/** What CRI 1.37 lets be asked for (KEP 5855). */
const knownOptions: readonly string[] = ["noexec", "nodev", "nosuid"];

function requireKnownOptions({ options }: Mount, field: string): void {
  const unknown = options.find((option) => !knownOptions.includes(option));
  if (unknown === undefined) return;
  throw new Fault("invalid", `${field}.mount_options: "${unknown}" is none of ${knownOptions.join(", ")}`);
}

function requireRecursiveReadOnly(mount: Mount, field: string, runtime: RuntimeFeatures): void {
  if (!mount.readonly) throw new Fault("invalid", `${field}.recursiveReadOnly is set, but readonly is not`);
  if (mount.propagation !== "private") {
    throw new Fault("invalid", `${field}.recursiveReadOnly needs private propagation`);
  }
  if (!runtime.recursiveReadOnly) {
    throw new Fault(
      "invalid",
      `${field}.recursiveReadOnly: the pod's runtime has no recursive read-only mounts`,
      {
        hint: "use a runtime handler with crun 1.4, runc 1.1 or newer, on Linux 5.12 or newer",
        reason: "recursiveReadOnly",
      },
    );
  }
}

/**
 * What is not asked for stays as it is at the source: an `rw` would make runc 1.2 and later take away the source's own
 * `ro`, `nosuid`, `nodev` and `noexec`.
 */
function accessOptions({ image, readonly, recursiveReadOnly, options }: Mount): string[] {
  const writable = !readonly && image === undefined;
  const access = writable ? [] : [recursiveReadOnly ? "rro" : "ro"];
  // As it is mounted on the host; setting `ro` would take them away.
  const ofImage = image === undefined ? [] : ["nosuid", "nodev"];
  return [...new Set([...access, ...ofImage, ...options])];
}

function propagationOption(mount: Mount, field: string, found: FoundMount): string {
  if (mount.image !== undefined) return "rprivate"; // nothing is mounted there later
  switch (mount.propagation) {
    case "private":
      return "rprivate";
    case "hostToContainer":
      if (found.propagation === "private") throw notShared(mount, field, found, "a shared or slave mount");
      return "rslave";
    case "bidirectional":
      if (found.propagation !== "shared") throw notShared(mount, field, found, "a shared mount");
      return "rshared";
  }
}

function notShared(mount: Mount, field: string, found: FoundMount, needed: string): Fault {
  return new Fault(
    "invalid",
    `${field}: ${mount.propagation} propagation needs ${needed}, but ${found.source} lies on ${found.mountPoint}, ` +
      `which is ${found.propagation}`,
    { hint: `mount --make-rshared ${found.mountPoint}` },
  );
}

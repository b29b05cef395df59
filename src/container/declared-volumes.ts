import { join, posix } from "node:path";
import { during } from "../base/fault.ts";
import type { ContainerPaths } from "../config/paths.ts";
import type { ImageConfig } from "../spec/oci-image-config.ts";
import { imageOf } from "./image-of.ts";
import type { ContainerAttempt } from "./parts.ts";
import type { ContainerRecord } from "./state.ts";

/** Places of the kernel's file systems: a directory of the image has no business there. */
const kernelDirectories = ["/proc", "/sys", "/dev"];

type Request = Pick<ContainerRecord, "config">;

/**
 * Where the image declares volumes (OCI image spec, config, Volumes), but for those at or below what the caller mounts: that is
 * what they are to hold.
 */
function declaredVolumes({ config }: Request, image: ImageConfig): string[] {
  const hidden = [...kernelDirectories, ...config.mounts.map((mount) => mount.containerPath)];
  const within = (path: string, directory: string) =>
    `${path}/`.startsWith(`${posix.resolve("/", directory)}/`);
  const paths = Object.keys(image.config.Volumes).map((path) => posix.resolve("/", path));
  return [...new Set(paths)].filter(
    (path) => path !== "/" && !hidden.some((directory) => within(path, directory)),
  );
}

/**
 * Makes the directories that the image declares as volumes in the container's own layer, where they are missing. In a container
 * whose root is read-only they stay writable: they are bound aside, from where the OCI runtime binds them over themselves.
 */
export async function prepareDeclaredVolumes(
  record: ContainerRecord,
  { host, pod }: ContainerAttempt,
): Promise<void> {
  const { rootfs, volumes } = host.paths.container(record.id);
  const image = imageOf(record, host.images).config;
  const sources = declaredVolumeSources(record, image, { volumes });
  const users = pod?.config.security.namespaces.user;
  const owner = users && { uid: users.uids.hostId, gid: users.gids.hostId };
  for (const path of declaredVolumes(record, image)) {
    try {
      await host.files.change([{ change: "makeDirectoryWithin", root: rootfs, path, mode: 0o755, owner }]);
      const source = sources.get(path);
      if (source === undefined) continue;
      await host.files.change([{ change: "makeDirectory", path: volumes, mode: 0o711 }]);
      await host.mounts.bindWithin(rootfs, path, source);
    } catch (error) {
      throw during(`preparing ${path}, which the image declares as a volume`, error);
    }
  }
}

/** From where the OCI runtime binds the volumes, by their path in the container; none when the root is writable. */
export function declaredVolumeSources(
  record: Request,
  image: ImageConfig,
  { volumes }: Pick<ContainerPaths, "volumes">,
): ReadonlyMap<string, string> {
  if (!record.config.security.readonlyRootfs) return new Map();
  const paths = declaredVolumes(record, image);
  return new Map(paths.map((path, index) => [path, join(volumes, `declared-${index}`)]));
}

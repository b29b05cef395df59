import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { FileChange } from "../linux/contract.ts";
import { prepareDeclaredVolumes } from "./declared-volumes.ts";
import { mountImageVolumes } from "./image-volumes.ts";
import type { ContainerAttempt } from "./parts.ts";
import type { ContainerRecord } from "./state.ts";

/** What the container has besides its root and is mounted before the OCI runtime comes: below `volumes` of its bundle. */
export async function mountVolumes(record: ContainerRecord, attempt: ContainerAttempt): Promise<void> {
  await prepareDeclaredVolumes(record, attempt);
  await mountImageVolumes(record, attempt);
}

/** Never a recursive removal: should an unmount be incomplete, what is below is the image. */
export async function unmountVolumes(record: ContainerRecord, { host }: ContainerAttempt): Promise<void> {
  const { volumes } = host.paths.container(record.id);
  if (!existsSync(volumes)) return;
  for (const { target } of await host.mounts.below(volumes)) await host.mounts.unmount(target);
  const left = readdirSync(volumes, { withFileTypes: true });
  const changes = left.map((entry): FileChange => {
    const path = join(volumes, entry.name);
    return entry.isDirectory() ? { change: "removeDirectory", path } : { change: "remove", path };
  });
  await host.files.change([...changes, { change: "removeDirectory", path: volumes }]);
}

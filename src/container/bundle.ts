import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { Fault } from "../base/fault.ts";
import { ociJson } from "../spec/oci-json.ts";
import { restorableConfig, withItsMounts } from "./checkpoint/restorable.ts";
import { declaredVolumeSources } from "./declared-volumes.ts";
import { withHookOutput } from "./failed-hook.ts";
import { imageOf } from "./image-of.ts";
import { imageVolumeSources } from "./image-volumes.ts";
import { withLinkedLogs } from "./linked-logs.ts";
import { unmountMapped } from "./mapped.ts";
import { mapVolumes } from "./mapped-volumes.ts";
import { adjustByPlugins } from "./nri/adjust.ts";
import type { ContainerAttempt } from "./parts.ts";
import { readSeccompArtifact } from "./seccomp-artifact.ts";
import type { ContainerRecord } from "./state.ts";

/** config.json, from the container's, the pod's and the image's config. */
export async function writeBundle(
  record: ContainerRecord,
  attempt: ContainerAttempt,
  signal: AbortSignal,
): Promise<void> {
  const { host, pod, checkpoint } = attempt;
  if (pod === undefined) throw new Fault("internal", `container ${record.id}: its pod is not known`);
  const image = imageOf(record, host.images);
  const paths = host.paths.container(record.id);
  const linked = withLinkedLogs(record.config, pod, host);
  const config = checkpoint === undefined ? linked : restorableConfig(linked, checkpoint);
  const seccomp = attempt.seccomp && (await readSeccompArtifact(record, attempt.seccomp, host));
  const built = await host.spec.build({
    record: { ...record, config },
    pod,
    image: image.config,
    rootfs: paths.rootfs,
    imageVolumes: imageVolumeSources(record, paths),
    declaredVolumes: declaredVolumeSources(record, image.config, paths),
    ...(seccomp && { seccomp }),
  });
  attempt.user = built.user;
  const adjusted = await adjustByPlugins(record, attempt, built.config, signal);
  const containerFile = join(paths.bundle, "containerenv");
  const whole = checkpoint === undefined ? adjusted : withItsMounts(checkpoint, adjusted, containerFile);
  const final = withHookOutput(await mapVolumes(record, attempt, whole), paths.bundle);
  const path = join(paths.bundle, "config.json");
  await host.files.change([
    { change: "write", path, text: ociJson(final), mode: 0o600 },
    ...(whole === adjusted ? [] : [{ change: "write", path: containerFile, text: "", mode: 0o644 } as const]),
  ]);
}

/** Everything in the bundle but what is mounted there. */
export async function removeBundle(record: ContainerRecord, { host }: ContainerAttempt): Promise<void> {
  const { bundle, rootfs, volumes, mapped } = host.paths.container(record.id);
  if (!existsSync(bundle)) return;
  await unmountMapped(record, host);
  const mounted = [rootfs, volumes, mapped].map((path) => basename(path));
  const left = readdirSync(bundle).filter((name) => !mounted.includes(name));
  await host.files.change(left.map((name) => ({ change: "removeTree", path: join(bundle, name) })));
}

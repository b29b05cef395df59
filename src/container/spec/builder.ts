import { Fault } from "../../base/fault.ts";
import type { PodSandboxId } from "../../base/ids.ts";
import { cgroupNaming } from "../../config/cgroup-naming.ts";
import { handlerSettings } from "../../config/handler-settings.ts";
import { orderOf } from "../../config/pod-orders.ts";
import type { Config } from "../../config/schema.ts";
import type { Apparmor, FileLabels } from "../../linux/contract.ts";
import type { CdiDirectories } from "../../spec/cdi/directories.ts";
import type { HookDirectories, HookFile } from "../../spec/hooks/directories.ts";
import { housekeepingOf } from "../processors/housekeeping.ts";
import { ordersFor } from "../processors/orders.ts";
import { notifierMetadata } from "../refused-calls.ts";
import { findApparmorProfile } from "./apparmor-lookup.ts";
import { processArgs } from "./args.ts";
import { findBase } from "./base-lookup.ts";
import { findBlockIo } from "./blockio-lookup.ts";
import { buildOciConfig } from "./build.ts";
import { findCdi } from "./cdi-lookup.ts";
import type { SpecBuilder, SpecRequest } from "./contract.ts";
import { requireCpuset } from "./cpuset.ts";
import { findDevices, findHostDevices } from "./device-lookup.ts";
import { findHooks } from "./hook-lookup.ts";
import type { FoundFacts, HostFacts, RuntimeFeatures, SpecSettings } from "./input.ts";
import { requireMappableMounts } from "./mapped-ids.ts";
import { findMounts } from "./mount-lookup.ts";
import { findNodeMounts } from "./node-mounts.ts";
import { adjustByNri } from "./nri-adjust.ts";
import { oomScoreAdj } from "./oom-score.ts";
import { findRdt } from "./rdt/rdt-lookup.ts";
import { relabelVolumes } from "./relabel.ts";
import { requestedDevices } from "./requested-devices.ts";
import { wantedClass } from "./resource-class.ts";
import { ociResources } from "./resources.ts";
import { findSeccomp } from "./seccomp-lookup.ts";
import { containerLabels } from "./selinux.ts";
import { findUser } from "./user-lookup.ts";

/** What OCI configs are made with, for as long as the daemon runs. */
export interface SpecParts {
  readonly config: Pick<Config, "container" | "cgroup" | "kubelet" | "blockio" | "rdt" | "hooks" | "runtime">;
  readonly host: HostFacts;
  readonly cdi: CdiDirectories;
  readonly hooks: Pick<HookDirectories, "read">;
  readonly labels: FileLabels;
  readonly apparmor: Apparmor;
  /** Where the daemon listens for seccomp filters. */
  readonly seccompSocket: string;
  /** What the runtime handler of that name can do. */
  features(handler: string): RuntimeFeatures;
  /**
   * The process that a container of the pod was started with, by the container's id.
   * @throws {Fault} invalid when the pod has no such container; wrongState when it doesn't run
   */
  initOf(containerId: string, podId: PodSandboxId): number;
}

/** Makes OCI configs: looks up what a container's config names on the host, then puts the sections together. */
export function createSpecBuilder(parts: SpecParts): SpecBuilder {
  return {
    async build(request) {
      const { record, pod, image, rootfs } = request;
      const { config } = record;
      requireMappableMounts(config, pod.config.security.namespaces.user);
      requireCpuset(config.resources);
      const runtime = parts.features(record.handler);
      const settings = specSettings(parts.config, record.handler);
      const found = await lookUp(request, parts, runtime, settings);
      await relabelVolumes({ config, pod, host: parts.host, found }, parts.labels);
      const input = {
        id: record.id,
        config,
        pod,
        image: { name: config.image.userSpecifiedImage || config.image.image, defaults: image.config },
        rootfs,
        settings,
        host: parts.host,
        runtime,
        found,
      };
      const built = buildOciConfig(input);
      const supplementalGroups = built.process.user.additionalGids ?? [];
      return { config: built, user: { ...found.user, supplementalGroups } };
    },
    adjust: (config, adjustment, handler) =>
      adjustByNri(config, adjustment, {
        host: parts.host,
        cdi: parts.cdi,
        runtime: parts.features(handler),
        settings: parts.config,
      }),
    mountLabel: (config, pod) => containerLabels({ config, pod, host: parts.host })?.mount,
    resources(resources) {
      requireCpuset(resources);
      return ociResources(resources, parts.host);
    },
    oomScoreAdj: (wanted) => oomScoreAdj(wanted, parts.host),
  };
}

function specSettings(config: SpecParts["config"], handler: string): SpecSettings {
  const ofHandler = handlerSettings(config.runtime.handlers, handler);
  return {
    container: config.container,
    cgroups: cgroupNaming(config),
    handler: ofHandler,
    hooks: [
      { key: "hooks.always", hooks: config.hooks.always },
      { key: `runtime.handlers.${handler}.hooks`, hooks: ofHandler.hooks },
    ],
  };
}

async function lookUp(
  { record, pod, image, rootfs, imageVolumes, declaredVolumes, seccomp: broughtAlong }: SpecRequest,
  parts: SpecParts,
  runtime: RuntimeFeatures,
  settings: SpecSettings,
): Promise<FoundFacts> {
  const { config } = record;
  const { security } = config;
  const { privileged } = security;
  const rdt = await findRdt(wantedClass("rdt", { config, pod }), parts.config.rdt);
  const processors = ordersFor(config, pod.config, parts.config.runtime, record.handler);
  const allDevices = privileged && !settings.handler.privilegedWithoutHostDevices;
  const [
    user,
    mounts,
    devices,
    hostDevices,
    nodeMounts,
    base,
    blockIo,
    cdi,
    hookFiles,
    seccomp,
    apparmorProfile,
  ] = await Promise.all([
    findUser(rootfs, security, image.config.User),
    findMounts(config, imageVolumes, runtime),
    findDevices(requestedDevices({ config, pod, settings })),
    allDevices ? findHostDevices() : [],
    findNodeMounts(settings.container),
    findBase(settings.handler.baseSpec),
    findBlockIo(wantedClass("blockio", { config, pod }), parts.config.blockio.file),
    findCdi(config, parts.cdi),
    parts.hooks.read(),
    findSeccomp({
      wanted: security.seccomp,
      privileged,
      host: parts.host,
      defaultProfile: parts.config.container.seccompProfile,
      otherwise: broughtAlong,
    }),
    findApparmorProfile(security.apparmor, privileged, parts.apparmor),
  ]);
  const { pid, targetId } = security.namespaces;
  return {
    user,
    mounts,
    declaredVolumes,
    devices,
    hostDevices,
    nodeMounts,
    ...(base === undefined ? {} : { base }),
    ...(blockIo === undefined ? {} : { blockIo }),
    ...(rdt === undefined ? {} : { rdt }),
    ...(processors && { processors }),
    ...(processors?.interrupts === "housekeeping"
      ? { housekeeping: await housekeepingOf(processors.own) }
      : {}),
    cdi,
    hooks: await findContainerHooks({ record, pod, image }, hookFiles.hooks, settings),
    ...(seccomp === undefined ? {} : { seccomp }),
    ...(seccomp === undefined ? {} : seccompListener({ record, pod }, settings, parts.seccompSocket)),
    ...(apparmorProfile === undefined ? {} : { apparmorProfile }),
    ...(pid === "target"
      ? { targetPidNamespace: `/proc/${parts.initOf(targetId ?? "", pod.id)}/ns/pid` }
      : {}),
  };
}

function findContainerHooks(
  { record: { config }, pod, image }: Pick<SpecRequest, "record" | "pod" | "image">,
  files: readonly HookFile[],
  settings: SpecSettings,
): Promise<FoundFacts["hooks"]> {
  return findHooks(
    { settings: settings.hooks, files },
    {
      command: processArgs(config, image.config)[0] ?? "",
      annotations: { ...config.annotations, ...pod.config.annotations },
      hasBindMounts: config.mounts.some((mount) => mount.image === undefined),
    },
  );
}

/** @throws {Fault} invalid for another action than "log" or "stop" */
function seccompListener(
  { record, pod }: Pick<SpecRequest, "record" | "pod">,
  { handler }: SpecSettings,
  path: string,
): Pick<FoundFacts, "seccompListener"> {
  const order = orderOf("seccompNotifier", pod.config.annotations, handler.allowedAnnotations);
  if (order === undefined) return {};
  const { key, value } = order;
  if (value !== "log" && value !== "stop")
    throw new Fault("invalid", `the pod's annotation ${key}: "${value}" is neither "log" nor "stop"`);
  return { seccompListener: { path, metadata: notifierMetadata(record.id, value) } };
}

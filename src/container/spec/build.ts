import { Fault } from "../../base/fault.ts";
import { ociMappings } from "../../spec/oci-mappings.ts";
import {
  type OciConfig,
  type OciLinux,
  type OciProcess,
  type OciSeccomp,
  oldestOciVersion,
} from "../../spec/oci-runtime.ts";
import { withOrders } from "../processors/orders.ts";
import { ociAnnotations } from "./annotations.ts";
import { processArgs } from "./args.ts";
import { overBase } from "./base.ts";
import { processCapabilities } from "./capabilities.ts";
import { withCdi } from "./cdi-edits.ts";
import { ociCgroupsPath } from "./cgroups-path.ts";
import { processCwd } from "./cwd.ts";
import { containerDevices } from "./devices.ts";
import { processEnv } from "./env.ts";
import { hiddenPaths } from "./hidden-paths.ts";
import { withHooks } from "./hooks.ts";
import type { OciConfigInput } from "./input.ts";
import { requireMappedUser } from "./mapped-ids.ts";
import { type ContainerMounts, containerMounts } from "./mounts.ts";
import { ociNamespaces } from "./namespaces.ts";
import { oomScoreAdj } from "./oom-score.ts";
import { type PodOrders, podOrders } from "./pod-orders.ts";
import { processorEnv } from "./processor-env.ts";
import { newOciResources, withUnified } from "./resources.ts";
import { processRlimits } from "./rlimits.ts";
import { ociSeccomp, withListener } from "./seccomp.ts";
import { containerLabels, type SelinuxLabels } from "./selinux.ts";
import { containerSysctls } from "./sysctls.ts";

/**
 * The OCI runtime configuration of a container. Reads nothing: equal input gives an equal configuration.
 *
 * @throws {Fault} invalid naming the field; unimplemented for what berth or the pod's runtime doesn't have
 */
export function buildOciConfig(input: OciConfigInput): OciConfig {
  const { config, pod } = input;
  const { security } = config;
  if (security.privileged && !pod.config.security.privileged) {
    throw new Fault(
      "invalid",
      "config.linux.securityContext.privileged is set, but the pod is not privileged",
    );
  }
  requireMappedUser(input.found.user, pod.config.security.namespaces.user);
  const labels = containerLabels(input);
  const orders = podOrders(input);
  const process = ociProcess(input, labels, orders);
  const mounts = containerMounts(input, orders);
  const own = {
    process,
    root: { path: input.rootfs, ...(security.readonlyRootfs ? { readonly: true } : {}) },
    mounts: mounts.mounts,
    annotations: ociAnnotations(input),
    linux: ociLinux(input, {
      capabilities: process.capabilities?.bounding ?? [],
      rootfsPropagation: mounts.rootfsPropagation,
      labels,
      unified: orders.unified,
    }),
  };
  const use = { leavesSeccomp: security.seccomp === undefined && !security.privileged };
  const parts = withHooks(
    withCdi(overBase(own, input.found.base, use), input.found.cdi, input.runtime),
    input.found.hooks,
  );
  return { ociVersion: oldestOciVersion(parts), ...parts };
}

function ociProcess(
  input: OciConfigInput,
  labels: SelinuxLabels | undefined,
  { umask }: PodOrders,
): OciProcess {
  const { config, pod, image, settings, host, found } = input;
  const { security } = config;
  return {
    ...(config.tty ? { terminal: true } : {}),
    user: {
      uid: found.user.uid,
      gid: found.user.gid,
      additionalGids: [...found.user.supplementalGroups],
      ...(umask === undefined ? {} : { umask }),
    },
    args: processArgs(config, image.defaults),
    env: processEnv(config, image.defaults.Env, {
      hostname: pod.hostname,
      weakest: [...(found.base?.process?.env ?? []), ...settings.container.env],
      strongest: processorEnv(found),
    }),
    cwd: processCwd(config.workingDir, image.defaults.WorkingDir),
    capabilities: processCapabilities({
      wanted: security.capabilities,
      privileged: security.privileged,
      defaults: found.base?.process?.capabilities?.bounding ?? settings.container.capabilities,
      inheritable: settings.container.inheritableCapabilities,
      held: host.capabilities,
    }),
    rlimits: processRlimits(settings.container.rlimits, found.base?.process?.rlimits ?? [], host),
    noNewPrivileges: security.noNewPrivs,
    ...(found.apparmorProfile === undefined ? {} : { apparmorProfile: found.apparmorProfile }),
    oomScoreAdj: oomScoreAdj(config.resources.oomScoreAdj, host),
    ...(labels?.process === undefined ? {} : { selinuxLabel: labels.process }),
  };
}

function containerSeccomp(
  { seccomp, seccompListener }: Pick<OciConfigInput["found"], "seccomp" | "seccompListener">,
  capabilities: readonly string[],
  host: OciConfigInput["host"],
): OciSeccomp | undefined {
  const filter = seccomp && ociSeccomp(seccomp, { capabilities, host });
  return filter && seccompListener ? withListener(filter, seccompListener) : filter;
}

/** What of the other sections the section for Linux takes. */
interface LinuxParts {
  readonly capabilities: readonly string[];
  readonly rootfsPropagation: ContainerMounts["rootfsPropagation"];
  readonly labels: SelinuxLabels | undefined;
  readonly unified: PodOrders["unified"];
}

function ociLinux(
  input: OciConfigInput,
  { capabilities, rootfsPropagation, labels, unified }: LinuxParts,
): OciLinux {
  const { config, pod, settings, host, found } = input;
  const { security } = config;
  const sysctls = { ...settings.container.sysctls, ...pod.config.sysctls };
  const sysctl = containerSysctls(sysctls, security.namespaces);
  const { devices, rules } = containerDevices(input);
  const hidden = hiddenPaths(security);
  const { pidsLimit } = settings.container;
  const user = pod.namespaces.user === undefined ? undefined : pod.config.security.namespaces.user;
  return {
    ...ociMappings(user),
    ...(Object.keys(sysctl).length === 0 ? {} : { sysctl }),
    resources: {
      devices: rules,
      ...newOciResources(withOrders(withUnified(config.resources, unified), found.processors), host),
      ...(found.blockIo === undefined ? {} : { blockIO: found.blockIo }),
      ...(pidsLimit > 0 ? { pids: { limit: pidsLimit } } : {}),
    },
    cgroupsPath: ociCgroupsPath(settings.cgroups, pod.cgroup, input.id),
    namespaces: ociNamespaces({
      wanted: security.namespaces,
      privileged: security.privileged,
      pod,
      host,
      found,
    }),
    ...(devices.length === 0 ? {} : { devices }),
    ...(found.rdt === undefined ? {} : { intelRdt: found.rdt }),
    ...(found.seccomp === undefined ? {} : { seccomp: containerSeccomp(found, capabilities, host) }),
    ...(rootfsPropagation === undefined ? {} : { rootfsPropagation }),
    ...(hidden.masked.length === 0 ? {} : { maskedPaths: hidden.masked }),
    ...(hidden.readonly.length === 0 ? {} : { readonlyPaths: hidden.readonly }),
    ...(labels === undefined ? {} : { mountLabel: labels.mount }),
  };
}

import { Fault } from "../../base/fault.ts";
import type { OciSeccomp, OciSyscallRule } from "../../spec/oci-runtime.ts";
import type { HostFacts, KernelVersion, SeccompListener } from "./input.ts";
import type { SeccompCondition, SeccompProfile } from "./seccomp-profile.ts";

/** What a profile's conditional rules depend on. */
export interface SeccompContext {
  /** The container's bounding set. */
  readonly capabilities: readonly string[];
  readonly host: Pick<HostFacts, "architecture" | "kernel">;
}

const nativeArchitectures: Readonly<Record<string, string>> = {
  amd64: "SCMP_ARCH_X86_64",
  arm64: "SCMP_ARCH_AARCH64",
  arm: "SCMP_ARCH_ARM",
  loong64: "SCMP_ARCH_LOONGARCH64",
  mips64: "SCMP_ARCH_MIPS64",
  mips64le: "SCMP_ARCH_MIPSEL64",
  ppc64le: "SCMP_ARCH_PPC64LE",
  riscv64: "SCMP_ARCH_RISCV64",
  s390x: "SCMP_ARCH_S390X",
};

/** The OCI filter that a profile stands for on this host, with these capabilities (config-linux, Seccomp). */
export function ociSeccomp(profile: SeccompProfile, context: SeccompContext): OciSeccomp {
  const architectures = profile.architectures ?? architecturesOf(profile, context.host.architecture);
  const rules = profile.syscalls.filter(
    (rule) => rule.names.length > 0 && included(rule.includes, context) && !excluded(rule.excludes, context),
  );
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet === undefined ? {} : { defaultErrnoRet: profile.defaultErrnoRet }),
    ...(architectures.length === 0 ? {} : { architectures }),
    ...(profile.flags === undefined ? {} : { flags: profile.flags }),
    ...(profile.listenerPath === undefined ? {} : { listenerPath: profile.listenerPath }),
    ...(profile.listenerMetadata === undefined ? {} : { listenerMetadata: profile.listenerMetadata }),
    syscalls: rules.map(ociRule),
  };
}

/** As the listener refuses calls. Of those that a profile refuses in other ways it says something else: that there is no such call. */
const EPERM = 1;

/**
 * The filter with the calls that it refuses by name left to a listener, who refuses them and tells of it.
 *
 * @throws {Fault} invalid for a profile that refuses none by name
 */
export function withListener(seccomp: OciSeccomp, { path, metadata }: SeccompListener): OciSeccomp {
  const isRefused = ({ action, errnoRet }: OciSyscallRule) =>
    action === "SCMP_ACT_ERRNO" && (errnoRet ?? EPERM) === EPERM;
  const { syscalls = [] } = seccomp;
  if (!syscalls.some(isRefused)) {
    throw new Fault(
      "invalid",
      "the container's seccomp profile refuses no system call by name (SCMP_ACT_ERRNO)",
      {
        hint: "its pod's annotation seccomp-notifier-action.crio.io needs one that does",
      },
    );
  }
  return {
    ...seccomp,
    listenerPath: path,
    listenerMetadata: metadata,
    syscalls: syscalls.map((rule) => {
      if (!isRefused(rule)) return rule;
      const { errnoRet: _, ...others } = rule;
      return { ...others, action: "SCMP_ACT_NOTIFY" };
    }),
  };
}

function ociRule({ names, action, errnoRet, args }: SeccompProfile["syscalls"][number]): OciSyscallRule {
  return {
    names,
    action,
    ...(errnoRet === undefined ? {} : { errnoRet }),
    ...(args.length === 0
      ? {}
      : {
          args: args.map(({ index, value, valueTwo, op }) => ({
            index,
            value,
            ...(valueTwo === undefined ? {} : { valueTwo }),
            op,
          })),
        }),
  };
}

function architecturesOf(profile: SeccompProfile, architecture: string): string[] {
  const native = nativeArchitectures[architecture];
  const entry = profile.archMap?.find((mapped) => mapped.architecture === native);
  return entry === undefined ? [] : [entry.architecture, ...(entry.subArchitectures ?? [])];
}

function included(
  { caps, arches, minKernel }: SeccompCondition,
  { capabilities, host }: SeccompContext,
): boolean {
  return (
    (arches.length === 0 || arches.includes(host.architecture)) &&
    caps.every((cap) => capabilities.includes(cap)) &&
    (minKernel === undefined || isAtLeast(host.kernel, minKernel))
  );
}

function excluded(
  { caps, arches, minKernel }: SeccompCondition,
  { capabilities, host }: SeccompContext,
): boolean {
  return (
    arches.includes(host.architecture) ||
    caps.some((cap) => capabilities.includes(cap)) ||
    (minKernel !== undefined && isAtLeast(host.kernel, minKernel))
  );
}

function isAtLeast(kernel: KernelVersion, wanted: string): boolean {
  const [major = 0, minor = 0] = wanted.split(".").map(Number);
  return kernel.major > major || (kernel.major === major && kernel.minor >= minor);
}

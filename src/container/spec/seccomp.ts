import type { OciSeccomp, OciSyscallRule } from "../../spec/oci-runtime.ts";
import type { HostFacts, KernelVersion } from "./input.ts";
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

import koffi from "koffi";

/** Of libseccomp, which OCI runtimes need; undefined where they need none. */
let resolve: ((architecture: number, call: number) => string | null) | undefined;
const known = new Map<string, string>();

/** A system call's name, by the kernel's number of an architecture (AUDIT_ARCH_…) and the call's own on it. */
export function systemCallName(architecture: number, call: number): string {
  const key = `${architecture}:${call}`;
  const name = known.get(key) ?? lookUp(architecture, call);
  known.set(key, name);
  return name;
}

function lookUp(architecture: number, call: number): string {
  try {
    resolve ??= koffi
      .load("libseccomp.so.2")
      .func("const char *seccomp_syscall_resolve_num_arch(uint32_t architecture, int call)");
    return resolve(architecture, call) ?? `system call ${call}`;
  } catch {
    return `system call ${call}`;
  }
}

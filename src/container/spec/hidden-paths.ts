import { posix } from "node:path";
import { Fault } from "../../base/fault.ts";
import type { ContainerSecurity } from "../../spec/cri/container-config.ts";

/** What of the root file system the container can't see (`masked`) or change (`readonly`). */
export interface HiddenPaths {
  readonly masked: string[];
  readonly readonly: string[];
}

/**
 * The paths that the caller lists, and no others: an empty list is how the kubelet asks for `procMount: Unmasked`, so
 * it can't stand for a default. Privileged containers have none.
 *
 * @throws {Fault} invalid for a path that is not absolute
 */
export function hiddenPaths(
  security: Pick<ContainerSecurity, "privileged" | "maskedPaths" | "readonlyPaths">,
): HiddenPaths {
  const masked = absolutePaths(security.maskedPaths, "maskedPaths");
  const readonly = absolutePaths(security.readonlyPaths, "readonlyPaths");
  return security.privileged ? { masked: [], readonly: [] } : { masked, readonly };
}

function absolutePaths(paths: readonly string[], field: string): string[] {
  return paths.map((path) => {
    if (!posix.isAbsolute(path) || path.includes("\0")) {
      throw new Fault("invalid", `config.linux.securityContext.${field}: "${path}" is not an absolute path`);
    }
    return posix.normalize(path);
  });
}

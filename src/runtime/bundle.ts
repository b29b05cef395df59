import { readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { errnoOf, isSystemError, systemFault } from "../linux/libc.ts";
import { slicePath } from "../linux/slice.ts";
import type { OciConfig } from "../spec/oci-runtime.ts";

/**
 * The bundle's own config.json, which berth itself wrote. Undefined when it is not there.
 *
 * @throws {Fault} exhausted, internal when it is there and can't be read
 */
export function readBundle(bundle: string): OciConfig | undefined {
  const path = join(bundle, "config.json");
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    const isMissing = errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR";
    if (isSystemError(error) && !isMissing) throw systemFault(`reading ${path}`, error);
    return undefined; // never written, or half written when the daemon was killed: no container can be made of it
  }
}

/** The container's cgroup as a path from the root of the hierarchies. Undefined: the config leaves it to the runtime. */
export function cgroupOf(config: OciConfig): string | undefined {
  const path = config.linux.cgroupsPath;
  if (path === undefined || path === "") return undefined;
  const [slice, prefix, name] = path.split(":");
  if (slice === undefined || prefix === undefined || name === undefined) return path;
  return posix.join(slicePath(slice), `${prefix}-${name}.scope`);
}

/** The same of the container that a bundle was made for. Undefined also where there is no bundle. @throws as `readBundle` */
export function cgroupOfBundle(bundle: string): string | undefined {
  const config = readBundle(bundle);
  return config === undefined ? undefined : cgroupOf(config);
}

import { readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { expandSlice } from "../linux/slice.ts";
import type { OciConfig } from "../spec/oci-runtime.ts";

/** The bundle's own config.json, which berth itself wrote. Undefined when it is not there. */
export function readBundle(bundle: string): OciConfig | undefined {
  try {
    return JSON.parse(readFileSync(join(bundle, "config.json"), "utf8"));
  } catch {
    return undefined; // never written, or half written when the daemon was killed: no container can be made of it
  }
}

/** The container's cgroup as a path from the root of the hierarchies. Undefined: the config leaves it to the runtime. */
export function cgroupOf(config: OciConfig): string | undefined {
  const path = config.linux.cgroupsPath;
  if (path === undefined || path === "") return undefined;
  const [slice, prefix, name] = path.split(":");
  if (slice === undefined || prefix === undefined || name === undefined) return path;
  return posix.join(expandSlice(slice), `${prefix}-${name}.scope`);
}

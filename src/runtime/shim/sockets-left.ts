import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Paths } from "../../config/paths.ts";
import { parseBootstrap } from "./bootstrap.ts";
import { shimNamespace } from "./handler.ts";

/** Where shims put their sockets that are told of no other place. */
const usualSockets = "/run/containerd/s";

/**
 * Where a shim may have listened whose daemon was killed before it could record that: at what the shim's own `start` noted, or, before
 * that or with a shim that does not, under the name that containerd's library makes of whom it is for.
 */
export function socketsLeft(group: string, paths: Paths): string[] {
  const named = createHash("sha256")
    .update(join(paths.socket, shimNamespace, group))
    .digest("hex");
  const places = [paths.shimSockets, usualSockets].map((directory) => join(directory, named));
  return [...addressNoted(paths.shim(group).directory), ...places];
}

function addressNoted(directory: string): string[] {
  try {
    return [parseBootstrap(readFileSync(join(directory, "address"))).socket];
  } catch {
    return [];
  }
}

import { join } from "node:path";
import type { Paths } from "../../config/paths.ts";
import type { RuntimeHandlerConfig } from "../../config/schema.ts";

/** A handler that the suite is run on. Goes to other processes as JSON. */
export interface TestedHandler {
  readonly name: string;
  readonly config: Partial<RuntimeHandlerConfig>;
  /** The OCI runtime that it comes down to. */
  readonly runtime: "crun" | "runc";
  readonly monitor: "conmon" | "shim";
}

export function conmonWith(runtime: "crun" | "runc"): TestedHandler {
  return { name: runtime, config: { type: "oci", binary: runtime }, runtime, monitor: "conmon" };
}

/** Where the OCI runtime has its containers on its books. */
export function booksOf({ name, monitor }: TestedHandler, paths: Paths): string {
  const root = paths.runtimeRoot(name);
  return monitor === "shim" ? join(root, "k8s.io") : root;
}

import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { ContainerId } from "../../base/ids.ts";
import type { Paths } from "../../config/paths.ts";
import type { RuntimeHandlerConfig } from "../../config/schema.ts";

/** A handler that the suite is run on. Goes to other processes as JSON. */
export interface TestedHandler {
  readonly name: string;
  readonly config: Partial<RuntimeHandlerConfig>;
  /** The OCI runtime that it comes down to. */
  readonly runtime: "crun" | "runc" | "runsc";
  readonly monitor: "conmon" | "shim";
  /** In what it differs from runtimes whose containers are processes of this host, each with the reason. */
  readonly differences?: Readonly<Partial<Record<Difference, string>>>;
}

/** In which the suite takes another answer for right. */
export type Difference =
  | "a program that is not there fails the create"
  | "checkpoints of one container"
  | "commands have the container's oom_score_adj"
  | "limits of one container"
  | "a process's status says that it gets no new privileges"
  | "mounts are made read-only with what is mounted on them"
  | "processes without books are found"
  | "statistics are in the container's cgroup";

export function conmonWith(runtime: "crun" | "runc"): TestedHandler {
  return { name: runtime, config: { type: "oci", binary: runtime }, runtime, monitor: "conmon" };
}

/** Whether its containers are in a sandbox, whose own container comes before them. */
export function isSandboxed({ runtime }: TestedHandler): boolean {
  return runtime === "runsc";
}

/** runc by the shim of containerd that is installed. */
export const runcByShim: TestedHandler = {
  name: "shim",
  config: { type: "io.containerd.runc.v2" },
  runtime: "runc",
  monitor: "shim",
};

/** Where the OCI runtime has its containers on its books. */
export function booksOf({ name, monitor }: TestedHandler, paths: Paths): string {
  const root = paths.runtimeRoot(name);
  return monitor === "shim" ? join(root, "k8s.io") : root;
}

/** What it has there of one container. */
export function booksOn(id: ContainerId, tested: TestedHandler, paths: Paths): string[] {
  const books = booksOf(tested, paths);
  return readdirSync(books)
    .filter((name) => name.startsWith(id))
    .map((name) => join(books, name));
}

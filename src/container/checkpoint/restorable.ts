import { Fault } from "../../base/fault.ts";
import type { ContainerConfig } from "../../spec/cri/container-config.ts";
import type { OciConfig } from "../../spec/oci-runtime.ts";
import type { FoundCheckpoint } from "./find-checkpoint.ts";

/**
 * The config to make the container with: what was asked for, and what processes that go on can't be without: the
 * terminal that they had, and a command, though it is not run.
 */
export function restorableConfig(config: ContainerConfig, { spec }: FoundCheckpoint): ContainerConfig {
  const command = spec.args.length === 0 ? ["/"] : [...spec.args];
  return { ...config, tty: spec.terminal, ...(config.command.length > 0 ? {} : { command, args: [] }) };
}

/**
 * Every bind mount that the container had must be one of the new container's, which says where it comes from: an archive
 * must not reach for files of the node.
 *
 * @throws {Fault} invalid naming those that are missing
 */
export function requireMounts({ spec }: Pick<FoundCheckpoint, "spec">, { mounts }: OciConfig): void {
  const there = new Set(mounts.map(({ destination }) => destination));
  const missing = spec.mounts.filter(({ type, destination }) => type === "bind" && !there.has(destination));
  if (missing.length === 0) return;
  const paths = missing.map(({ destination }) => destination).join(", ");
  throw new Fault("invalid", `config.mounts: the checkpoint's container had mounts at ${paths}`, {
    hint: "mount something of the same kind there",
  });
}

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

/** A file that CRI-O and podman put into containers, by which programs know that they are in one. */
const containerFile = "/run/.containerenv";

/**
 * The OCI config, if it has every bind mount that the container had: where one comes from is said by who makes the new
 * container, as an archive must not reach for files of the node. The file that other runtimes put in is given by the
 * (empty) one at `source`; without need of it, the config is the same one.
 *
 * @throws {Fault} invalid naming those that are missing
 */
export function withItsMounts(
  { spec }: Pick<FoundCheckpoint, "spec">,
  config: OciConfig,
  source: string,
): OciConfig {
  const there = new Set(config.mounts.map(({ destination }) => destination));
  const missing = spec.mounts
    .filter(({ type, destination }) => type === "bind" && !there.has(destination))
    .map(({ destination }) => destination);
  const unknown = missing.filter((destination) => destination !== containerFile);
  if (unknown.length > 0) {
    throw new Fault(
      "invalid",
      `config.mounts: the checkpoint's container had mounts at ${unknown.join(", ")}`,
      {
        hint: "mount something of the same kind there",
      },
    );
  }
  if (missing.length === 0) return config;
  const options = ["rbind", "rprivate", "ro"];
  const mount = { destination: containerFile, type: "bind", source, options };
  return { ...config, mounts: [...config.mounts, mount] };
}

import { mkdir, readFile, realpath } from "node:fs/promises";
import { Fault } from "../../base/fault.ts";
import { parseMountinfo } from "../../linux/mountinfo.ts";
import type { ContainerConfig } from "../../spec/cri/container-config.ts";
import { requireMountable } from "./cri-mount.ts";
import type { FoundMount, RuntimeFeatures } from "./input.ts";

/**
 * The host's side of every mount of the config, links resolved. A host path that isn't there is made, as a directory.
 * `imageVolumes` says where the images are that are mounts.
 * Nothing is made before all mounts were checked.
 *
 * @throws {Fault} invalid naming the mount; unimplemented as `requireMountable`
 */
export async function findMounts(
  config: Pick<ContainerConfig, "mounts">,
  imageVolumes: ReadonlyMap<number, string>,
  runtime: RuntimeFeatures,
): Promise<FoundMount[]> {
  for (const [index, mount] of config.mounts.entries())
    requireMountable(mount, `config.mounts[${index}]`, runtime);
  const sources = await Promise.all(
    config.mounts.map(
      (mount, index) =>
        imageVolumes.get(index) ?? findSource(mount.hostPath, `config.mounts[${index}].hostPath`),
    ),
  );
  const spreads = config.mounts.some((mount) => mount.propagation !== "private");
  return spreads ? await findHolding(sources) : sources.map((source) => holdingMount(source, []));
}

/** The mounts of the host that the paths lie on. */
export async function findHolding(sources: readonly string[]): Promise<FoundMount[]> {
  const table = await readMountTable();
  return sources.map((source) => holdingMount(source, table));
}

async function findSource(hostPath: string, field: string): Promise<string> {
  try {
    return await realpath(hostPath);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw unusable(hostPath, field, error);
  }
  try {
    await mkdir(hostPath, { recursive: true, mode: 0o755 });
    return await realpath(hostPath);
  } catch (error) {
    throw unusable(hostPath, field, error);
  }
}

function unusable(hostPath: string, field: string, cause: unknown): Fault {
  return new Fault("invalid", `${field}: ${hostPath} can't be used`, { cause });
}

interface MountTableEntry {
  readonly target: string;
  readonly propagation: FoundMount["propagation"];
}

async function readMountTable(): Promise<MountTableEntry[]> {
  const text = await readFile("/proc/self/mountinfo", "latin1");
  return text.split("\n").flatMap((line) => {
    const [entry] = parseMountinfo(Buffer.from(line, "latin1"));
    if (entry === undefined) return [];
    const optional = line.split(" ").slice(6, line.split(" ").indexOf("-", 6));
    const shared = optional.some((field) => field.startsWith("shared:"));
    const slave = optional.some((field) => field.startsWith("master:"));
    return [{ target: entry.target, propagation: shared ? "shared" : slave ? "slave" : "private" }];
  });
}

/** The mount that a path lies on: the deepest, and of several stacked on one point the last. */
function holdingMount(source: string, table: readonly MountTableEntry[]): FoundMount {
  let holding: MountTableEntry = { target: "/", propagation: "private" };
  for (const entry of table) {
    const prefix = entry.target === "/" ? "/" : `${entry.target}/`;
    const holds = source === entry.target || source.startsWith(prefix);
    if (holds && entry.target.length >= holding.target.length) holding = entry;
  }
  return { source, propagation: holding.propagation, mountPoint: holding.target };
}

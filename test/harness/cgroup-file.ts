import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestDaemon } from "./daemon.ts";

const controllers = "/sys/fs/cgroup/cgroup.controllers";

/** The cgroups of this host; "hybrid" ones count as v1, as they do for berth. */
export const cgroupVersion = existsSync(controllers) ? 2 : 1;

/** Whether no container can be bound to processors here, as on User-Mode Linux. */
export const lacksCpusets =
  cgroupVersion === 2 && !readFileSync(controllers, "latin1").split(/\s/).includes("cpuset");

/** A file of a cgroup by the name that each version has for it. */
export interface CgroupFileName {
  /** Controller and name: `memory/memory.limit_in_bytes`. */
  readonly v1: string;
  readonly v2: string;
}

export const memoryMax: CgroupFileName = { v1: "memory/memory.limit_in_bytes", v2: "memory.max" };

/** The path of a file of a container's or pod's cgroup, from the root of the hierarchies. */
export function cgroupPath(cgroup: string, { v1, v2 }: CgroupFileName): string {
  if (cgroupVersion === 2) return join("/sys/fs/cgroup", cgroup, v2);
  const [controller = "", name = ""] = v1.split("/");
  return join("/sys/fs/cgroup", controller, cgroup, name);
}

/** The cgroup that holds a container and its limits: below a scope of systemd's, crun makes one of its own. */
export async function cgroupOf(daemon: TestDaemon, containerId: string): Promise<string> {
  const { info } = await daemon.pods.containerStatus({ containerId, verbose: true });
  const { cgroup } = JSON.parse(info.info ?? "");
  const within = join(cgroup, "container");
  return existsSync(join("/sys/fs/cgroup", within)) ? within : cgroup;
}

/** What the kernel has in a file of a container's cgroup. */
export async function kernelHas(
  daemon: TestDaemon,
  containerId: string,
  name: CgroupFileName,
): Promise<string> {
  return readFileSync(cgroupPath(await cgroupOf(daemon, containerId), name), "latin1").trim();
}

/** Changes a file of a container's cgroup, as somebody else than berth would. */
export async function setByHand(
  daemon: TestDaemon,
  containerId: string,
  name: CgroupFileName,
  value: string,
): Promise<void> {
  writeFileSync(cgroupPath(await cgroupOf(daemon, containerId), name), value);
}

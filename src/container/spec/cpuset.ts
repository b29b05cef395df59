import { existsSync, readFileSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { isWithin, parseNumberList } from "../../base/number-list.ts";
import type { LinuxResources } from "../../spec/cri/resources.ts";

/** Where the kernel lists what may be in a cpuset now: processors come and go on some machines. */
const present = {
  cpusetCpus: { file: "/sys/devices/system/cpu/online", what: "processors" },
  cpusetMems: { file: "/sys/devices/system/node/online", what: "memory nodes" },
};

/**
 * Checks that the node has the processors and memory nodes that are asked for: the kernel's own word is an errno.
 *
 * @throws {Fault} invalid naming those that there are
 */
export function requireCpuset(resources: LinuxResources): void {
  for (const field of ["cpusetCpus", "cpusetMems"] as const) {
    const asked = resources[field];
    if (!asked) continue;
    const wanted = parseNumberList(asked);
    if (wanted === undefined || wanted.length === 0)
      throw new Fault("invalid", `config.linux.resources.${field}: "${asked}" is not a list as in 0-3,7`);
    const { file, what } = present[field];
    // A kernel without NUMA has one memory node, and no list of them.
    const has = existsSync(file) ? readFileSync(file, "latin1").trim() : "0";
    if (isWithin(wanted, parseNumberList(has) ?? [])) continue;
    throw new Fault(
      "invalid",
      `config.linux.resources.${field} is "${asked}", but this node has the ${what} ${has}`,
    );
  }
}

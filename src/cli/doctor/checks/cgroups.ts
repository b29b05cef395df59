import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describeFault } from "../../../base/fault.ts";
import { type CgroupHierarchies, findCgroupHierarchies, unified } from "../../../linux/cgroup-hierarchies.ts";
import type { MountEntry } from "../../../linux/contract.ts";
import { mountHolding, parseMountinfo } from "../../../linux/mountinfo.ts";
import { type Finding, note, ok, problem, warning } from "../finding.ts";
import { readKubelet } from "../kubelet.ts";
import type { NodeView } from "../node-view.ts";

/** What limits and fences are made of; without one of these, pods run without it or not at all. */
const needed = {
  1: ["cpu", "cpuacct", "cpuset", "memory", "pids", "devices", "freezer"],
  2: ["cpu", "cpuset", "memory", "pids"],
} as const;
const wished = { 1: ["blkio"], 2: ["io"] } as const;

/** The cgroup version and controllers, and whether berth, init and kubelet mean the same driver. */
export async function checkCgroups(node: NodeView): Promise<Finding[]> {
  const mounts = parseMountinfo(readFileSync("/proc/self/mountinfo"));
  const known = readIfThere("/proc/cgroups");
  let hierarchies: CgroupHierarchies;
  try {
    hierarchies = findCgroupHierarchies(mounts, known);
  } catch (error) {
    return [
      problem(
        describeFault(error),
        "the daemon does not start without",
        "mount -t cgroup2 none /sys/fs/cgroup",
      ),
    ];
  }
  return [
    ...versionOf(hierarchies),
    ...controllers(hierarchies, known),
    ...readOnly(hierarchies, mounts),
    ...drivers(node, hierarchies.version),
  ];
}

function versionOf({ version, mounts }: CgroupHierarchies): Finding[] {
  const tree = mounts.get(unified);
  if (version === 2) return [ok(`cgroup v2 at ${tree}`)];
  const v1 = note(
    "cgroup v1",
    "Kubernetes only maintains it: newer kubelets refuse to start on it unless failCgroupV1 is false",
    "boot with systemd.unified_cgroup_hierarchy=1 (or mount cgroup2 alone at /sys/fs/cgroup)",
  );
  const held = tree === undefined ? "" : readIfThere(join(tree, "cgroup.controllers")).trim();
  if (held === "") return [v1];
  return [
    v1,
    warning(
      `v1 and v2 controllers at once ("hybrid"): ${held} ${held.includes(" ") ? "are" : "is"} with v2 at ${tree}`,
      "some versions of crun refuse such a host (1.8 does); runc works",
      'runtime.default = "runc", or boot with one version only (cgroup_no_v1=all, or systemd.unified_cgroup_hierarchy)',
    ),
  ];
}

function controllers({ version, mounts }: CgroupHierarchies, known: string): Finding[] {
  const there =
    version === 1
      ? new Set(mounts.keys())
      : new Set(
          readIfThere(join(mounts.get(unified) ?? "", "cgroup.controllers"))
            .trim()
            .split(" "),
        );
  const isThere = (name: string) => there.has(name);
  const absent = needed[version].filter((name) => !isThere(name));
  const wanting = wished[version].filter((name) => !isThere(name));
  return [
    ...absent.map((name) => missing(name, version, known)),
    ...(absent.length === 0 ? [ok(`controllers: ${needed[version].join(", ")}`)] : []),
    ...(wanting.length === 0
      ? []
      : [note(`no controller ${wanting.join(", ")}`, "pods get no limits of that kind")]),
  ];
}

function missing(name: string, version: 1 | 2, known: string): Finding {
  const row = known.split("\n").find((line) => line.startsWith(`${name}\t`));
  const isDisabled = row?.split("\t")[3] === "0";
  const what = `the cgroup controller ${name} is missing`;
  const why = "limits and statistics of that kind do not work, and kubelet or OCI runtime refuse to start";
  if (isDisabled || (row === undefined && version === 1)) {
    const said = row === undefined ? "the kernel was built without it" : "it was disabled at boot";
    return problem(
      what,
      `${said}; ${why}`,
      `boot with cgroup_enable=${name} (and no cgroup_disable=${name})`,
    );
  }
  if (version === 1) {
    const directory = `/sys/fs/cgroup/${name}`;
    const remedy = `mkdir -p ${directory} && mount -t cgroup -o ${name} cgroup ${directory}`;
    return problem(what, `the kernel has it, but it is not mounted; ${why}`, remedy);
  }
  const remedy = "boot with cgroup_no_v1=all; in a container, have the host delegate it";
  return problem(what, `it is held by cgroup v1, or was not passed on to this cgroup; ${why}`, remedy);
}

function readOnly({ mounts }: CgroupHierarchies, entries: readonly MountEntry[]): Finding[] {
  const locked = [...new Set(mounts.values())].filter((target) =>
    mountHolding(entries, target)?.options.split(",").includes("ro"),
  );
  if (locked.length === 0) return [];
  const remedy = locked.map((target) => `mount -o remount,rw ${target}`).join("; ");
  return [problem(`cgroups are mounted read-only: ${locked.join(", ")}`, "no pod can have a cgroup", remedy)];
}

function drivers({ config, daemon }: NodeView, version: 1 | 2): Finding[] {
  const driver = daemon.kind === "berth" ? daemon.cgroupDriver : config.cgroup.driver;
  const isSystemd = existsSync("/run/systemd/system");
  const found: Finding[] = [];
  if (driver === "systemd" && !isSystemd) {
    const why = "it asks systemd for every cgroup, and systemd is not what this node was started with";
    found.push(
      problem("the cgroup driver is systemd, but systemd does not run", why, 'cgroup.driver = "cgroupfs"'),
    );
  } else if (driver === "cgroupfs" && isSystemd && version === 2) {
    const why = "systemd takes itself for the only writer of the cgroup v2 tree";
    found.push(warning("the cgroup driver is cgroupfs beside systemd", why, 'cgroup.driver = "systemd"'));
  } else found.push(ok(`cgroup driver ${driver}`));
  const kubelet = readKubelet();
  if (kubelet.cgroupDriver !== undefined && kubelet.cgroupDriver !== driver) {
    found.push(
      warning(
        `berth's cgroup driver is ${driver}, the kubelet's is ${kubelet.cgroupDriver}`,
        `${kubelet.file} says so; kubelets before 1.28 do not take over berth's answer, and pods fail to start`,
        `set cgroupDriver: ${driver} there, or cgroup.driver = "${kubelet.cgroupDriver}" here; restart both`,
      ),
    );
  }
  return found;
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
}

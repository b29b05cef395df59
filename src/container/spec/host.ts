import { access, readdir, readFile } from "node:fs/promises";
import { release } from "node:os";
import { join } from "node:path";
import type { Cgroups } from "../../linux/contract.ts";
import { parseMountinfo } from "../../linux/mountinfo.ts";
import { lowestOomScoreAdj } from "../../linux/oom-score.ts";
import { capabilityNames } from "./capabilities.ts";
import type { HostFacts, KernelVersion } from "./input.ts";

type HostCgroups = Pick<Cgroups, "version" | "directories">;

/**
 * Reads what this host and this process can do. None of it changes while the daemon runs.
 *
 * @param scopesHaveOomPolicy what systemd says; false where it is not asked for cgroups
 */
export async function readHostFacts(cgroups: HostCgroups, scopesHaveOomPolicy: boolean): Promise<HostFacts> {
  const [status, mayRaise] = await readStatus();
  const [selinux, hugepageSizes, swap, oomScoreAdjMin, rlimitMax, cgroup2Options] = await Promise.all([
    exists("/sys/fs/selinux/enforce"),
    readHugepageSizes(cgroups),
    accountsSwap(cgroups),
    lowestOomScoreAdj(),
    readRlimitMax(mayRaise),
    readCgroup2Options(),
  ]);
  return {
    cgroupVersion: cgroups.version,
    cgroup2Options,
    capabilities: heldCapabilities(status),
    seccomp: status.has("Seccomp"),
    selinux,
    hugepageSizes,
    swap,
    scopesHaveOomPolicy,
    oomScoreAdjMin,
    rlimitMax,
    architecture: architectureName(process.arch),
    kernel: parseKernelVersion(release()),
  };
}

/** /proc/self/status, and whether it says that this process may raise limits (CAP_SYS_RESOURCE). */
async function readStatus(): Promise<[ReadonlyMap<string, string>, boolean]> {
  const lines = (await readFile("/proc/self/status", "utf8")).split("\n");
  const status = new Map(
    lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]),
  );
  return [status, heldCapabilities(status).includes("CAP_SYS_RESOURCE")];
}

/** What a program of root's that the daemon starts may have: its bounding set, as far as we know the names. */
function heldCapabilities(status: ReadonlyMap<string, string>): string[] {
  const bits = BigInt(`0x${status.get("CapBnd") ?? "0"}`);
  return capabilityNames.filter((_, number) => ((bits >> BigInt(number)) & 1n) === 1n);
}

async function readHugepageSizes(cgroups: HostCgroups): Promise<ReadonlySet<string>> {
  if (!(await hasHugetlb(cgroups))) return new Set();
  const names = await readdir("/sys/kernel/mm/hugepages").catch(() => []);
  return new Set(names.flatMap((name) => pageSizeName(/^hugepages-([0-9]+)kB$/.exec(name)?.[1])));
}

async function hasHugetlb(cgroups: HostCgroups): Promise<boolean> {
  const root = cgroups.directories("/");
  if (cgroups.version === 1) return root.has("hugetlb");
  for (const directory of root.values()) {
    const controllers = await readFile(join(directory, "cgroup.controllers"), "utf8").catch(() => "");
    if (controllers.split(/\s+/).includes("hugetlb")) return true;
  }
  return false;
}

/** As the kernel names the files of the hugetlb controller: `64KB`, `2MB`, `1GB`. */
function pageSizeName(kilobytes: string | undefined): string[] {
  if (kilobytes === undefined) return [];
  let size = Number(kilobytes);
  let unit = 0;
  for (; size >= 1024 && size % 1024 === 0 && unit < 2; unit++) size /= 1024;
  return [`${size}${["KB", "MB", "GB"][unit]}`];
}

/** v1 has a file of its own for it; v2 has it in every group but the root. */
async function accountsSwap(cgroups: HostCgroups): Promise<boolean> {
  const root = cgroups.directories("/");
  if (cgroups.version === 1) {
    const memory = root.get("memory");
    return memory !== undefined && (await exists(join(memory, "memory.memsw.limit_in_bytes")));
  }
  const own = (await readFile("/proc/self/cgroup", "utf8")).match(/^0::(.*)$/m)?.[1] ?? "/";
  for (const directory of [...cgroups.directories(own).values(), ...root.values()]) {
    if (await exists(join(directory, "memory.swap.max"))) return true;
    const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      if (entry.isDirectory() && (await exists(join(directory, entry.name, "memory.swap.max")))) return true;
    }
  }
  return false;
}

const rlimitNames: ReadonlyMap<string, string> = new Map([
  ["Max cpu time", "RLIMIT_CPU"],
  ["Max file size", "RLIMIT_FSIZE"],
  ["Max data size", "RLIMIT_DATA"],
  ["Max stack size", "RLIMIT_STACK"],
  ["Max core file size", "RLIMIT_CORE"],
  ["Max resident set", "RLIMIT_RSS"],
  ["Max processes", "RLIMIT_NPROC"],
  ["Max open files", "RLIMIT_NOFILE"],
  ["Max locked memory", "RLIMIT_MEMLOCK"],
  ["Max address space", "RLIMIT_AS"],
  ["Max file locks", "RLIMIT_LOCKS"],
  ["Max pending signals", "RLIMIT_SIGPENDING"],
  ["Max msgqueue size", "RLIMIT_MSGQUEUE"],
  ["Max nice priority", "RLIMIT_NICE"],
  ["Max realtime priority", "RLIMIT_RTPRIO"],
  ["Max realtime timeout", "RLIMIT_RTTIME"],
]);

/** The hard limits above which this process can't go: its own, or for open files the kernel's (proc(5)). */
async function readRlimitMax(mayRaise: boolean): Promise<ReadonlyMap<string, number>> {
  const max = new Map<string, number>();
  const [limits, openFiles] = await Promise.all([
    readFile("/proc/self/limits", "utf8"),
    readNumber("/proc/sys/fs/nr_open"),
  ]);
  for (const line of mayRaise ? [] : limits.split("\n")) {
    const [, title = "", hard = ""] = /^(.+?) {2,}\S+ +(\S+)/.exec(line) ?? [];
    const name = rlimitNames.get(title);
    if (name !== undefined && /^[0-9]+$/.test(hard)) max.set(name, Number(hard));
  }
  max.set("RLIMIT_NOFILE", Math.min(max.get("RLIMIT_NOFILE") ?? openFiles, openFiles));
  return max;
}

async function readCgroup2Options(): Promise<string[]> {
  const root = parseMountinfo(await readFile("/proc/self/mountinfo")).findLast(
    (mount) => mount.target === "/sys/fs/cgroup" && mount.type === "cgroup2",
  );
  const kept = ["nsdelegate", "memory_recursiveprot"];
  return (root?.superOptions ?? "").split(",").filter((option) => kept.includes(option));
}

/** Go's name of an architecture, which images and seccomp profiles use. */
function architectureName(name: string): string {
  const names: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386", ppc64: "ppc64le" };
  return names[name] ?? name;
}

function parseKernelVersion(text: string): KernelVersion {
  const [major = 0, minor = 0] = text.split(".", 2).map((part) => Number.parseInt(part, 10));
  return { major, minor };
}

async function readNumber(path: string): Promise<number> {
  return Number((await readFile(path, "utf8")).trim());
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

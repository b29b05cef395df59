import { readFileSync } from "node:fs";
import type { Config } from "../../../config/schema.ts";
import { inotifyRefusal } from "../../../linux/inotify-probe.ts";
import { effectiveCapabilities, resourceCapability } from "../capabilities.ts";
import { type Finding, note, ok, problem, warning } from "../finding.ts";
import type { NodeView } from "../node-view.ts";

const nearlyAll = 0.9;
/** Some for each pod, connection and pull. */
const fewFiles = 4096;
const fewWatches = 65_536;

/** Limits of the kernel that a node with many pods runs into. */
export async function checkLimits({ daemon, config }: NodeView): Promise<Finding[]> {
  const found = [
    ...openFiles(daemon.kind === "berth" ? daemon.pid : undefined, config),
    ...shares(),
    ...inotify(),
    ...keys(),
  ];
  return found.some(({ severity }) => severity !== "note")
    ? found
    : [ok("room for more files, processes, watches, keys and connections"), ...found];
}

function openFiles(pid: number | undefined, { container }: Config): Finding[] {
  const limits = read(`/proc/${pid ?? "self"}/limits`);
  const [, , word = ""] = /^Max open files\s+(\S+)\s+(\S+)/m.exec(limits) ?? [];
  const hard = word === "unlimited" ? Number.POSITIVE_INFINITY : Number(word);
  const who = pid === undefined ? "a daemon started from here" : `the daemon (pid ${pid})`;
  const remedy = "LimitNOFILE=1048576 in its unit, or ulimit -Hn 1048576 before it is started";
  if (hard < fewFiles) {
    const why = "a node with many pods runs out, and every call fails with EMFILE";
    return [warning(`${who} may open ${word} files only`, why, remedy)];
  }
  const asked = container.rlimits.find(({ type }) => type === "RLIMIT_NOFILE")?.hard ?? 0;
  if (hard >= asked || effectiveCapabilities(pid).has(resourceCapability)) return [];
  return [
    note(
      `containers may open ${word} files, not the ${asked} of container.rlimits`,
      `${who} has no higher limit`,
      remedy,
    ),
  ];
}

/** What is used of a limit of the whole node. */
interface Share {
  readonly what: string;
  readonly used: number;
  readonly limit: number;
  readonly sysctl: string;
  readonly harm: string;
}

function shares(): Finding[] {
  const [files = 0, , fileLimit = 0] = numbers("/proc/sys/fs/file-nr");
  const [threads = 0] = numbers("/proc/loadavg", /\/(\d+) /);
  const pidMax = numbers("/proc/sys/kernel/pid_max")[0] ?? 0;
  const threadMax = numbers("/proc/sys/kernel/threads-max")[0] ?? 0;
  const tracked = numbers("/proc/sys/net/netfilter/nf_conntrack_count")[0] ?? 0;
  const trackable = numbers("/proc/sys/net/netfilter/nf_conntrack_max")[0] ?? 0;
  const all: readonly Share[] = [
    {
      what: "open files",
      used: files,
      limit: fileLimit,
      sysctl: "fs.file-max",
      harm: "every program fails to open files",
    },
    {
      what: "process ids",
      used: threads,
      limit: pidMax,
      sysctl: "kernel.pid_max",
      harm: "no process can be started",
    },
    {
      what: "threads",
      used: threads,
      limit: threadMax,
      sysctl: "kernel.threads-max",
      harm: "no process can be started",
    },
    {
      what: "tracked connections",
      used: tracked,
      limit: trackable,
      sysctl: "net.netfilter.nf_conntrack_max",
      harm: "packets of new connections are dropped",
    },
  ];
  return all.flatMap(judgeShare);
}

export function judgeShare({ what, used, limit, sysctl, harm }: Share): Finding[] {
  if (limit === 0 || used < limit * nearlyAll) return [];
  const remedy = `find who holds them, or raise the limit: sysctl -w ${sysctl}=${limit * 2}`;
  const said = `${used} of ${limit} ${what} are used`;
  return [used >= limit * 0.99 ? problem(said, harm, remedy) : warning(said, `at the limit ${harm}`, remedy)];
}

function inotify(): Finding[] {
  const refused = inotifyRefusal();
  const instances = numbers("/proc/sys/fs/inotify/max_user_instances")[0] ?? 0;
  const watches = numbers("/proc/sys/fs/inotify/max_user_watches")[0] ?? 0;
  const found: Finding[] = [];
  if (refused !== undefined) {
    const why = `the limit is ${instances} for each user; the daemon can't watch for exits, the kubelet not its files`;
    const remedy = `sysctl -w fs.inotify.max_user_instances=${Math.max(8192, instances * 2)} (and in /etc/sysctl.d)`;
    found.push(problem(`no inotify instance can be made (${refused})`, why, remedy));
  } else if (instances <= 128) {
    const why = "kubelet, log shippers and root's containers share them: many pods run out";
    const remedy = "sysctl -w fs.inotify.max_user_instances=8192";
    found.push(note(`${instances} inotify instances for each user`, why, remedy));
  }
  if (watches < fewWatches) {
    const why = "kubelet and log shippers watch every pod's files";
    found.push(
      note(`${watches} inotify watches for each user`, why, "sysctl -w fs.inotify.max_user_watches=524288"),
    );
  }
  return found;
}

/** OCI runtimes give each container a session key ring, which counts for its user. */
function keys(): Finding[] {
  return read("/proc/key-users")
    .split("\n")
    .flatMap((line) => {
      // "  1000:    12 11/11 199/200 6605/20000"
      const [, user, used, limit] = /^\s*(\d+):\s+\d+\s+\d+\/\d+\s+(\d+)\/(\d+)/.exec(line) ?? [];
      if (user === undefined) return [];
      const sysctl = user === "0" ? "kernel.keys.root_maxkeys" : "kernel.keys.maxkeys";
      const what = `keys of user ${user}`;
      const harm = 'new containers fail with "join session keyring: disk quota exceeded"';
      return judgeShare({ what, used: Number(used), limit: Number(limit), sysctl, harm });
    });
}

function numbers(file: string, pattern = /(\d+)/g): number[] {
  const found = pattern.global ? read(file).match(pattern) : pattern.exec(read(file))?.slice(1);
  return (found ?? []).map(Number);
}

function read(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
}

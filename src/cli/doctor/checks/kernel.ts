import { existsSync, readFileSync } from "node:fs";
import { release } from "node:os";
import { type KernelAnswer, type KernelFeature, probeKernel } from "../../../linux/kernel-probes.ts";
import { type Finding, note, ok, problem, warning } from "../finding.ts";

/** What needs a feature, since when the kernel has it, and how much its absence hurts. */
interface Need {
  readonly for: string;
  readonly since: string;
  readonly severity: "problem" | "note";
}

const features: Readonly<Record<KernelFeature, Need>> = {
  openat2: { for: "unpacking images without leaving their directory", since: "5.6", severity: "problem" },
  open_tree: { for: "bind mounts that never show half made", since: "5.2", severity: "problem" },
  move_mount: { for: "bind mounts that never show half made", since: "5.2", severity: "problem" },
  mount_setattr: { for: "read-only bind mounts", since: "5.12", severity: "problem" },
  "seccomp filters": { for: "the RuntimeDefault seccomp profile", since: "3.17", severity: "problem" },
  pidfd_open: { for: "OCI runtimes that signal without a race", since: "5.3", severity: "note" },
  clone3: { for: "OCI runtimes that start a process within its cgroup", since: "5.7", severity: "note" },
  "seccomp user notification": {
    for: "seccomp profiles with SCMP_ACT_NOTIFY",
    since: "5.0",
    severity: "note",
  },
};

const namespaces: Readonly<Record<string, Need>> = {
  net: { for: "pods with a network of their own", since: "2.6.29", severity: "problem" },
  ipc: { for: "pods with IPC of their own", since: "2.6.19", severity: "problem" },
  uts: { for: "pods with a hostname of their own", since: "2.6.19", severity: "problem" },
  pid: { for: "containers with processes of their own", since: "2.6.24", severity: "problem" },
  mnt: { for: "containers with files of their own", since: "2.4.19", severity: "problem" },
  cgroup: { for: "containers that see only their own cgroup", since: "4.6", severity: "problem" },
  user: { for: "pods with a user namespace", since: "3.8", severity: "note" },
  time: { for: "containers with clocks of their own", since: "5.6", severity: "note" },
};

/** File systems that every container mounts; without one, none can start. */
const fileSystems = ["proc", "sysfs", "tmpfs", "devpts", "mqueue"];

/** Features of the kernel, each tried out: what its version promises may be left out or withheld. */
export async function checkKernel(): Promise<Finding[]> {
  const answers = [...probeKernel()];
  const isRoot = process.geteuid?.() === 0;
  const untried = answers.filter(([, answer]) => !isRoot && isWithheld(answer)).map(([name]) => name);
  const missing = [
    ...answers.filter(([name]) => !untried.includes(name)).flatMap(missingCall),
    ...missingNamespaces(),
    ...missingFileSystems(),
  ];
  const what = untried.length === 0 ? "what berth needs" : "what berth needs, as far as it was tried";
  const hurts = missing.some(({ severity }) => severity === "problem");
  const names = untried.join(", ");
  return [
    ...(hurts ? [] : [ok(`Linux ${release()} has ${what}`)]),
    ...missing,
    ...(untried.length === 0
      ? []
      : [note(`not tried, as only root may: ${names}`, "", "sudo berth doctor kernel")]),
  ];
}

function isWithheld(answer: KernelAnswer): boolean {
  return answer === "EPERM" || answer === "EACCES";
}

function missingCall([name, answer]: readonly [KernelFeature, KernelAnswer]): Finding[] {
  if (answer === undefined) return [];
  return [
    absent(
      name,
      features[name],
      isWithheld(answer) ? `it is withheld (${answer})` : `the kernel says ${answer}`,
    ),
  ];
}

function absent(name: string, need: Need, said: string): Finding {
  const what = `no ${name}: needed for ${need.for}`;
  const why = `${said}; Linux has it since ${need.since}, this is ${release()}`;
  const remedy = "boot a newer kernel, or lift the seccomp filter or build option that withholds it";
  return need.severity === "problem" ? problem(what, why, remedy) : note(what, why, remedy);
}

function missingNamespaces(): Finding[] {
  return Object.entries(namespaces).flatMap(([kind, need]) =>
    existsSync(`/proc/self/ns/${kind}`)
      ? []
      : [absent(`${kind} namespaces`, need, "the kernel was built without them")],
  );
}

function missingFileSystems(): Finding[] {
  const known = new Set(
    readFileSync("/proc/filesystems", "latin1")
      .split("\n")
      .map((line) => line.split("\t")[1]),
  );
  return fileSystems
    .filter((type) => !known.has(type))
    .map((type) =>
      warning(
        `the kernel does not know the file system ${type}`,
        "every container mounts one",
        `modprobe ${type}, or boot a kernel that has it`,
      ),
    );
}

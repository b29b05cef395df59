import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { cgroupPath, memoryMax } from "./cgroup-file.ts";
import type { TestDaemon } from "./daemon.ts";

const tree = "/sys/fs/cgroup";

/** Whether systemd is what this machine was started with. */
export const isSystemd = existsSync("/run/systemd/system");

/** A pod's cgroup that is made and removed as a kubelet does it, with the daemon's driver. */
export class KubeletCgroup {
  /** From the root of the hierarchies, which is also how a kubelet gives it to a runtime. */
  readonly path: string;
  readonly #isSlice: boolean;

  private constructor(path: string, isSlice: boolean) {
    this.path = path;
    this.#isSlice = isSlice;
  }

  /** Of a burstable pod. */
  static make({ workspace }: TestDaemon, name: string): KubeletCgroup {
    const { cgroupDriver, cgroupParent } = workspace;
    if (cgroupDriver === "cgroupfs") {
      const path = join(cgroupParent, "burstable", `pod${name}`);
      makeWithControllers(path);
      return new KubeletCgroup(path, false);
    }
    const stem = basename(cgroupParent, ".slice");
    const slices = [`${stem}.slice`, `${stem}-burstable.slice`, `${stem}-burstable-pod${name}.slice`];
    systemctl("start", slices.at(-1) ?? "");
    return new KubeletCgroup(join("/", ...slices), true);
  }

  /** What a file of it says. */
  read(name: string): string {
    return cgroupFile(this.path, name);
  }

  /** Empty by now, or it fails. */
  remove(): void {
    if (this.#isSlice) {
      systemctl("stop", basename(this.path));
      systemctl("stop", basename(dirname(this.path)));
    } else {
      rmdirSync(join(tree, this.path));
      rmdirSync(join(tree, dirname(this.path)));
    }
  }
}

/** Limits a pod's memory as a kubelet does. What is written into a slice's files by hand, systemd takes back. */
export function limitPodMemory(cgroup: string, bytes: number): void {
  if (cgroup.endsWith(".slice"))
    systemctl("set-property", "--runtime", basename(cgroup), `MemoryMax=${bytes}`);
  else writeFileSync(cgroupPath(cgroup, memoryMax), String(bytes));
}

/** A kubelet passes all controllers on, down to the pods. */
function makeWithControllers(path: string): void {
  let group = tree;
  for (const name of path.split("/").filter(Boolean)) {
    for (const controller of cgroupFile(group.slice(tree.length), "cgroup.controllers").split(" "))
      writeFileSync(join(group, "cgroup.subtree_control"), `+${controller}`);
    group = join(group, name);
    mkdirSync(group, { recursive: true });
  }
}

/** The text of a file of a cgroup v2. */
export function cgroupFile(cgroup: string, name: string): string {
  return readFileSync(join(tree, cgroup, name), "latin1").trim();
}

/** The cgroup v2 that the kernel has a process in. */
export function cgroupOfProcess(pid: number | string): string {
  return /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "latin1"))?.[1] ?? "";
}

export function systemctl(...args: readonly string[]): string {
  return execFileSync("systemctl", args, { encoding: "utf8" }).trim();
}

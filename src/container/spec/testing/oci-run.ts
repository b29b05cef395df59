import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OciConfig } from "../../../spec/oci-runtime.ts";

/** What a container wrote and how it ended. */
export interface OciRunResult {
  readonly code: number | null;
  readonly output: string;
}

/** A temporary directory with a root file system of busybox, and an OCI runtime to run it. */
export interface OciRun extends Disposable {
  readonly directory: string;
  readonly rootfs: string;
  /** As a path from the root of the hierarchies; its own. */
  readonly cgroup: string;
  run(config: OciConfig, id: string): OciRunResult;
}

const busybox = "/usr/bin/busybox";
const hybrid = "/sys/fs/cgroup/unified";

/** Why containers can't be run here; undefined: they can. */
export function noOciRun(runtime: string): string | undefined {
  if (process.getuid?.() !== 0) return "NOT RUN: running containers needs root";
  if (spawnSync(runtime, ["--version"]).status !== 0) return `NOT RUN: there is no ${runtime}`;
  return existsSync(busybox) ? undefined : "NOT RUN: there is no busybox-static";
}

/** Sets up a root file system; all that was made is taken away again on disposal. */
export function prepareOciRun(runtime: string): OciRun {
  const directory = mkdtempSync(join(tmpdir(), "berth-spec-"));
  const rootfs = join(directory, "rootfs");
  const cgroup = `/berth-spec-${process.pid}-${runtime}`;
  makeRootfs(rootfs);
  return {
    directory,
    rootfs,
    cgroup,
    run: (config, id) => runOci(runtime, directory, config, id),
    [Symbol.dispose]() {
      removeCgroup(cgroup);
      rmSync(directory, { recursive: true });
    },
  };
}

function makeRootfs(rootfs: string): void {
  for (const name of ["bin", "etc", "dev", "proc", "sys", "tmp", "var/run"])
    mkdirSync(join(rootfs, name), { recursive: true });
  cpSync(busybox, join(rootfs, "bin/busybox"));
  const applets = [
    "sh",
    "cat",
    "ls",
    "id",
    "grep",
    "touch",
    "chmod",
    "mount",
    "env",
    "hostname",
    "tty",
    "test",
    "pwd",
    "stat",
    "mkdir",
    "unshare",
    "head",
    "echo",
  ];
  for (const applet of applets) symlinkSync("busybox", join(rootfs, "bin", applet));
  writeFileSync(
    join(rootfs, "etc/passwd"),
    "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n",
  );
  writeFileSync(join(rootfs, "etc/group"), "root:x:0:\napp:x:1000:\nextra:x:50000:app\n");
}

function runOci(runtime: string, directory: string, config: OciConfig, id: string): OciRunResult {
  const bundle = join(directory, `bundle-${id}`);
  mkdirSync(bundle);
  writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
  const root = join(directory, "runtime");
  const command = `${runtime} --root ${root} run --bundle ${bundle} ${id}`;
  // A terminal of its own, for containers that have one. Its input never ends: where it does, script types a NUL, which
  // the terminal may show as ^@.
  const input = join(bundle, "input");
  const inTerminal = config.process.terminal
    ? `mkfifo ${input}; script -qec '${command}' /dev/null <>${input}`
    : `exec ${command}`;
  const alone = `umount ${hybrid} && ${inTerminal}`;
  const needsAlone = runtime === "crun" && existsSync(join(hybrid, "cgroup.procs"));
  const [program, args] = needsAlone
    ? ["unshare", ["-m", "--propagation", "slave", "sh", "-c", alone]]
    : ["sh", ["-c", inTerminal]];
  try {
    const done = spawnSync(program as string, args as string[], { encoding: "utf8", timeout: 30_000 });
    return { code: done.status, output: `${done.stdout}${done.stderr}` };
  } finally {
    spawnSync(runtime, ["--root", root, "delete", "--force", id]);
  }
}

function removeCgroup(cgroup: string): void {
  const roots = [
    "/sys/fs/cgroup",
    ...readdirSync("/sys/fs/cgroup").map((name) => join("/sys/fs/cgroup", name)),
  ];
  for (const root of roots) {
    const directory = join(root, cgroup);
    if (!existsSync(directory)) continue;
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.isDirectory()) rmdirSync(join(directory, entry.name));
    }
    rmdirSync(directory);
  }
}

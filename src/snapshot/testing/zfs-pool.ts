import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const bytes = 1_073_741_824;
/** There can be one zfs-fuse on a host: test files take turns. */
const lockFile = join(tmpdir(), "berth-test-zfs.lock");
const turnTries = 1200;

/** Why there can be no pool here, or undefined. */
export function noZfs(): string | undefined {
  if (process.getuid?.() !== 0) return "NOT RUN: ZFS needs root";
  if (!existsSync("/sbin/zpool")) return "NOT RUN: neither zfs-fuse nor zfsutils-linux is installed";
  if (hasModule()) return undefined;
  if (!existsSync("/sbin/zfs-fuse")) return "NOT RUN: the kernel has no ZFS, and there is no zfs-fuse";
  // It has been seen to die in the middle of a test on a busy machine.
  if (process.env.BERTH_TEST_ZFS_FUSE === "1") return undefined;
  return "NOT RUN: the kernel has no ZFS; BERTH_TEST_ZFS_FUSE=1 has zfs-fuse stand in for it";
}

function hasModule(): boolean {
  return existsSync("/sys/module/zfs");
}

function answers(): boolean {
  try {
    execFileSync("/sbin/zpool", ["list"], { stdio: "pipe" });
    return true;
  } catch {
    return false;
  }
}

const pause = () => execFileSync("/bin/sleep", ["0.1"]);

/** Waits until no other test file has a pool. */
function takeTurn(): void {
  for (let tries = 0; tries < turnTries; tries++) {
    try {
      writeFileSync(lockFile, String(process.pid), { flag: "wx" });
      return;
    } catch {
      const holder = existsSync(lockFile) ? readFileSync(lockFile, "utf8") : "";
      if (holder !== "" && !existsSync(`/proc/${holder}`)) rmSync(lockFile, { force: true });
      else pause();
    }
  }
  throw new Error(`another test keeps ${lockFile}`);
}

/** A pool in a file, until it is disposed of; by a zfs-fuse of its own where the kernel has no ZFS. */
export class TestZfsPool implements Disposable {
  readonly name = `berth-test-${randomBytes(4).toString("hex")}`;
  /** Times are kept in whole seconds, and files can't be shown with other ids. */
  readonly isFuse = !hasModule();
  readonly #directory = mkdtempSync(join(tmpdir(), "berth-zfs-"));
  readonly #daemon: ChildProcess | undefined;

  constructor() {
    takeTurn();
    if (this.isFuse) this.#daemon = this.#startFuse();
    const file = join(this.#directory, "disk");
    const fd = openSync(file, "wx");
    ftruncateSync(fd, bytes);
    closeSync(fd);
    execFileSync("/sbin/zpool", ["create", "-m", "none", this.name, file], { stdio: "pipe" });
  }

  #startFuse(): ChildProcess {
    if (answers()) throw new Error("a zfs-fuse runs here already: stop it (systemctl stop zfs-fuse)");
    const pidFile = join(this.#directory, "pid");
    const options = ["--no-daemon", "--no-kstat-mount", "--enable-xattr", "-p", pidFile];
    const daemon = spawn("/sbin/zfs-fuse", options, { stdio: "ignore" });
    for (let tries = 0; tries < 100 && !answers(); tries++) pause();
    return daemon;
  }

  /** A snapshot waits for everything that was written before it, and has it counted. */
  count(): void {
    for (const change of ["snapshot", "destroy"])
      execFileSync("/sbin/zfs", [change, `${this.name}@count`], { stdio: "pipe" });
  }

  [Symbol.dispose](): void {
    execFileSync("/sbin/zpool", ["destroy", "-f", this.name], { stdio: "pipe" });
    this.#daemon?.kill("SIGKILL");
    for (let tries = 0; this.#daemon !== undefined && tries < 100 && answers(); tries++) pause();
    rmSync(this.#directory, { recursive: true });
    rmSync(lockFile);
  }
}

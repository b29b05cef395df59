import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeBlankDisk } from "./blank-disk.ts";

const startDeadlineMs = 10_000;

/**
 * A disk of which every write and every flush is recorded: a file that QEMU's storage daemon shows by FUSE, for a loop
 * device or a machine, and behind it `blklogwrites`. What is flushed by whoever writes to the file is a flush in the log.
 */
export class RecordedDisk implements AsyncDisposable {
  /** To be written to. */
  readonly file: string;
  /** The disk as it was before anything was recorded. */
  readonly before: string;
  readonly log: string;
  readonly #daemon: ChildProcess;

  private constructor(paths: { file: string; before: string; log: string }, daemon: ChildProcess) {
    this.file = paths.file;
    this.before = paths.before;
    this.log = paths.log;
    this.#daemon = daemon;
  }

  /** Makes an ext4 file system of so many bytes, and records from then on. */
  static async start(directory: string, bytes: number): Promise<RecordedDisk> {
    const at = (name: string) => join(directory, name);
    const paths = { file: at("disk"), before: at("before.img"), log: at("writes.log") };
    makeBlankDisk(paths.before, bytes);
    copyFileSync(paths.before, at("backing.img"));
    for (const file of [paths.log, paths.file]) writeFileSync(file, "");
    const nodes = [
      `file,node-name=disk,filename=${at("backing.img")}`,
      `file,node-name=log,filename=${paths.log}`,
      "blklogwrites,node-name=recorded,file=disk,log=log",
    ];
    const shown = `fuse,id=shown,node-name=recorded,mountpoint=${paths.file},writable=on`;
    const command = [...nodes.flatMap((node) => ["--blockdev", node]), "--export", shown];
    const daemon = spawn("setpriv", ["--pdeathsig", "KILL", "qemu-storage-daemon", ...command], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    const disk = new RecordedDisk(paths, daemon);
    await disk.#shown(bytes);
    return disk;
  }

  async #shown(bytes: number): Promise<void> {
    const until = Date.now() + startDeadlineMs;
    while (statSync(this.file).size !== bytes) {
      if (this.#daemon.exitCode !== null || Date.now() > until)
        throw new Error("QEMU's storage daemon does not show the disk");
      await sleep(20);
    }
  }

  /** How long the log is now: what it says up to there was told to the disk before. */
  get position(): number {
    return statSync(this.log).size;
  }

  /** Ends the recording. Nothing may use the disk any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#daemon.exitCode !== null || this.#daemon.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#daemon.once("exit", resolve));
    this.#daemon.kill("SIGTERM");
    await ended;
  }
}

import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, ftruncateSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const dataBytes = 1_610_612_736;
const metadataBytes = 16_777_216;
const sectorBytes = 512;
/** 64 KiB, the least: what a test writes is told apart. */
const blockSectors = 128;

/** Why there can be no thin pool here, or undefined. */
export function noThinPool(): string | undefined {
  if (process.getuid?.() !== 0) return "NOT RUN: thin pools need root";
  if (!existsSync("/sbin/dmsetup")) return "NOT RUN: dmsetup is not installed";
  try {
    // Loads what can be loaded.
    execFileSync("/sbin/modprobe", ["dm-thin-pool"], { stdio: "pipe" });
  } catch {
    // It may be built in.
  }
  try {
    const targets = execFileSync("/sbin/dmsetup", ["targets"], { stdio: "pipe" }).toString();
    if (/^thin-pool\s/m.test(targets)) return undefined;
  } catch {
    // No device-mapper at all.
  }
  return "NOT RUN: this kernel has no thin pools of device-mapper; `make test-guest` runs this in one that has";
}

/** A thin pool on files, until it is disposed of. */
export class TestThinPool implements Disposable {
  readonly name = `berth-test-${randomBytes(4).toString("hex")}`;
  readonly #directory = mkdtempSync(join(tmpdir(), "berth-pool-"));
  readonly #loops: string[] = [];

  constructor() {
    const metadata = this.#loop("metadata", metadataBytes);
    const data = this.#loop("data", dataBytes);
    const table = `0 ${dataBytes / sectorBytes} thin-pool ${metadata} ${data} ${blockSectors} 0 1 skip_block_zeroing`;
    execFileSync("/sbin/dmsetup", ["create", this.name, "--verifyudev", "--table", table], { stdio: "pipe" });
  }

  #loop(name: string, bytes: number): string {
    const file = join(this.#directory, name);
    const fd = openSync(file, "wx");
    ftruncateSync(fd, bytes);
    closeSync(fd);
    const device = execFileSync("/sbin/losetup", ["--find", "--show", file]).toString().trim();
    this.#loops.push(device);
    return device;
  }

  /** How many of its blocks are taken. */
  get used(): number {
    const status = execFileSync("/sbin/dmsetup", ["status", this.name]).toString().split(/\s+/);
    return Number(status[5]?.split("/")[0]);
  }

  [Symbol.dispose](): void {
    const devices = execFileSync("/sbin/dmsetup", ["ls"]).toString().match(/^\S+/gm) ?? [];
    for (const device of devices.filter((each) => each.startsWith(`${this.name}-`)))
      execFileSync("/sbin/dmsetup", ["remove", "--verifyudev", "--retry", device], { stdio: "pipe" });
    execFileSync("/sbin/dmsetup", ["remove", "--verifyudev", "--retry", this.name], { stdio: "pipe" });
    for (const loop of this.#loops) execFileSync("/sbin/losetup", ["--detach", loop]);
    rmSync(this.#directory, { recursive: true });
  }
}

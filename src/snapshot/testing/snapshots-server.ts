import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { hostMounts } from "../../linux/mounts.ts";
import { hangs } from "../../linux/testing/hangs.ts";
import { SnapshotsClient } from "../remote/client.ts";

const startDeadlineMs = 30_000;

/** A real server of containerd's snapshots API, with all that it keeps in a directory of its own. */
export class SnapshotsServer {
  readonly directory = mkdtempSync(join(tmpdir(), "berth-server-"));
  readonly socket = join(this.directory, "s.sock");
  readonly #command: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(command: (directory: string, socket: string) => readonly string[]) {
    this.#command = command(this.directory, this.socket);
  }

  /** Debian's containerd with nothing of it but what snapshots need. */
  static containerd(): SnapshotsServer {
    return new SnapshotsServer((directory, socket) => {
      const config = join(directory, "config.toml");
      writeFileSync(config, containerdConfig(directory, socket));
      return ["containerd", "--config", config];
    });
  }

  /** stargz-snapshotter, from where `program` is, for registries without TLS at `hosts`. */
  static stargz(program: string, hosts: readonly string[] = []): SnapshotsServer {
    return new SnapshotsServer((directory, socket) => {
      const config = join(directory, "config.toml");
      const mirrors = hosts.map(
        (host) => `[[resolver.host."${host}".mirrors]]\nhost = "${host}"\ninsecure = true\n`,
      );
      writeFileSync(config, mirrors.join(""));
      return [program, "--address", socket, "--root", join(directory, "root"), "--config", config];
    });
  }

  async start(): Promise<void> {
    const [program = "", ...args] = this.#command;
    const log = openSync(this.#log, "a");
    const child = spawn(program, args, { stdio: ["ignore", log, log] });
    closeSync(log);
    this.#child = child;
    const until = Date.now() + startDeadlineMs;
    while (!(await this.#answers())) {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`${program} ended: ${this.#logTail()}`);
      if (Date.now() > until) throw new Error(`${program} does not answer: ${this.#logTail()}`);
      await sleep(20);
    }
  }

  async #answers(): Promise<boolean> {
    const settings = { name: "overlayfs", address: this.socket, namespace: "ready", deadline: 1_000 };
    const client = new SnapshotsClient(settings);
    try {
      await client.find("nothing");
      return true;
    } catch {
      return false;
    } finally {
      client.close();
    }
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  /** Has it hang until `signal("SIGCONT")`. Resolves once it does. */
  async hang(): Promise<void> {
    this.signal("SIGSTOP");
    while (!hangs(this.#child?.pid)) await sleep(5);
  }

  /** Kills it before anybody here can notice: what is called next is called on a connection that looks whole. */
  killUnnoticed(): void {
    this.signal("SIGKILL");
    const process = `/proc/${this.#child?.pid}`;
    const isDead = () =>
      readdirSync(join(process, "task")).length === 1 &&
      / Z /.test(readFileSync(join(process, "stat"), "utf8"));
    while (!isDead());
  }

  /** Without a chance to put anything in order, unless by a signal that gives one. */
  async stop(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("SIGTERM");
    for (const { target } of await hostMounts().below(this.directory)) await hostMounts().unmount(target);
    rmSync(this.directory, { recursive: true, force: true });
  }

  get #log(): string {
    return join(this.directory, "log");
  }

  #logTail(): string {
    return readFileSync(this.#log, "utf8").split("\n").slice(-20).join("\n");
  }
}

/** Version 2 is what Debian's 1.6 reads; with nothing outside the directory. */
function containerdConfig(directory: string, socket: string): string {
  const others = ["btrfs", "zfs", "aufs", "devmapper"].map((name) => `io.containerd.snapshotter.v1.${name}`);
  const disabled = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.restart", ...others];
  return `version = 2
root = "${join(directory, "root")}"
state = "${join(directory, "state")}"
disabled_plugins = ${JSON.stringify(disabled)}

[grpc]
address = "${socket}"

[plugins."io.containerd.internal.v1.opt"]
path = "${join(directory, "opt")}"
`;
}

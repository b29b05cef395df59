import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BerthService } from "../../src/wire/gen/berth.v1.ts";
import { ImageServiceService, RuntimeServiceService } from "../../src/wire/gen/runtime.v1.ts";
import { type Connection, connect } from "../../src/wire/grpc/client.ts";
import type { Calls } from "../../src/wire/grpc/method.ts";
import { berthCommand, type CommandResult, runProgram } from "./command.ts";
import { hostNamespace, type MountNamespace, privateNamespace } from "./mount-namespace.ts";
import { patience } from "./patience.ts";
import {
  type CgroupDriver,
  makeWorkspace,
  removeWorkspace,
  sweepScript,
  type Workspace,
} from "./workspace.ts";

const startDeadlineMs = 30_000 * patience;
const answerDeadlineMs = 5000 * patience;

export interface DaemonOptions {
  /** The default handler. crun gets a private mount namespace, others the host's. */
  readonly runtime?: string;
  /** Another default handler than `runtime`, one of `extraConfig`. */
  readonly handler?: string;
  /** Whose mount namespace: what suits the runtime, one of its own, or the caller's, which must suit it then. */
  readonly mounts?: "suitable" | "own" | "caller's";
  readonly cgroupDriver?: CgroupDriver;
  readonly extraConfig?: string;
  /** Opens Node's inspector on a free port, so that tests can ask for the daemon's memory. */
  readonly inspect?: boolean;
  /** Where it keeps its state instead of below its workspace's directory. */
  readonly root?: string;
  /** Another `berth` than the one under test. */
  readonly command?: string;
  /** Added to its environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** A shell script for its mount namespace that is run before it is started. */
  readonly prepare?: (workspace: Workspace) => string;
}

/** What helpers need of a daemon, however it was started. */
export type DaemonCalls = Pick<TestDaemon, "workspace" | "pods" | "images" | "berth">;

/** A real daemon with directories, cgroup and bridge of its own, which tests may kill and start again. */
export class TestDaemon {
  readonly workspace: Workspace;
  readonly #namespace: MountNamespace;
  readonly #options: DaemonOptions;
  #child: ChildProcess | undefined;
  #connection: Connection | undefined;

  private constructor(workspace: Workspace, namespace: MountNamespace, options: DaemonOptions) {
    this.workspace = workspace;
    this.#namespace = namespace;
    this.#options = options;
  }

  /** Makes the surroundings and starts the daemon in them. */
  static async start(options: DaemonOptions = {}): Promise<TestDaemon> {
    const runtime = options.runtime ?? "crun";
    const workspace = makeWorkspace({
      runtime: options.handler ?? runtime,
      extraConfig: options.extraConfig ?? "",
      ...(options.cgroupDriver === undefined ? {} : { cgroupDriver: options.cgroupDriver }),
      ...(options.root === undefined ? {} : { root: options.root }),
    });
    const own = options.mounts === "own" || (runtime === "crun" && options.mounts !== "caller's");
    const namespace = own ? await privateNamespace() : hostNamespace;
    const daemon = new TestDaemon(workspace, namespace, options);
    try {
      await daemon.#prepare();
      await daemon.launch();
    } catch (error) {
      await daemon.close();
      throw error;
    }
    return daemon;
  }

  async #prepare(): Promise<void> {
    const script = this.#options.prepare?.(this.workspace);
    if (script === undefined) return;
    const { code, stderr } = await this.inside("sh", "-ec", script);
    if (code !== 0) throw new Error(`preparing the daemon's file systems: ${stderr}`);
  }

  get #program(): string {
    return this.#options.command ?? berthCommand;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error("the daemon is not running");
    return pid;
  }

  get logFile(): string {
    return join(this.workspace.directory, "daemon.log");
  }

  /** Makes this and later daemons die or fail at points of their steps, see `src/daemon/fault-port.ts`. Empty: nowhere. */
  plant(faults: string): void {
    writeFileSync(this.#faultFile, faults);
  }

  get #faultFile(): string {
    return join(this.workspace.directory, "faults");
  }

  /**
   * Starts the process and waits until it answers.
   *
   * @param berth another `berth` than the options'
   */
  async launch(berth = this.#program): Promise<void> {
    const [program = "", ...args] = this.#namespace.wrap([
      berth,
      "serve",
      "--config",
      this.workspace.configFile,
    ]);
    const log = openSync(this.logFile, "a");
    const env = {
      ...process.env,
      BERTH_FAULT: `@${this.#faultFile}`,
      ...(this.#options.inspect ? { NODE_OPTIONS: "--inspect=127.0.0.1:0" } : {}),
      ...this.#options.env,
    };
    const child = spawn(program, args, { stdio: ["ignore", log, log], env });
    closeSync(log);
    this.#child = child;
    const until = Date.now() + startDeadlineMs;
    for (;;) {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`the daemon ended (${child.exitCode ?? child.signalCode}): ${this.logTail()}`);
      if (await this.#answers()) return;
      if (Date.now() > until) throw new Error(`the daemon does not answer: ${this.logTail()}`);
      await sleep(20);
    }
  }

  async #answers(): Promise<boolean> {
    this.#disconnect();
    try {
      await this.pods.version({ version: "v1" }, { timeout: answerDeadlineMs });
      return true;
    } catch {
      return false;
    }
  }

  /** kill -9, as a crash would. */
  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.ended();
  }

  /** SIGTERM, as an init system would. @returns its exit code */
  async stop(): Promise<number | null> {
    this.#child?.kill("SIGTERM");
    return this.ended();
  }

  /** Waits until the process is gone, by whatever made it end. */
  async ended(): Promise<number | null> {
    const child = this.#child;
    this.#disconnect();
    if (child === undefined) return null;
    if (child.exitCode === null && child.signalCode === null) {
      await new Promise((resolve) => child.once("exit", resolve));
    }
    this.#child = undefined;
    return child.exitCode;
  }

  get #calls(): Connection {
    this.#connection ??= connect(this.workspace.socket);
    return this.#connection;
  }

  get pods(): Calls<typeof RuntimeServiceService> {
    return this.#calls.calls(RuntimeServiceService);
  }

  get images(): Calls<typeof ImageServiceService> {
    return this.#calls.calls(ImageServiceService);
  }

  get berth(): Calls<typeof BerthService> {
    return this.#calls.calls(BerthService);
  }

  #disconnect(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }

  /**
   * Runs the `berth` command against this daemon, where the daemon runs.
   *
   * @param args first the command's name, of a part of one with that: `policy test`
   */
  command(...args: readonly string[]): Promise<CommandResult> {
    const [name = "", ...more] = args;
    return this.inside(this.#program, ...name.split(" "), "--config", this.workspace.configFile, ...more);
  }

  /** Puts a command line into the daemon's mount namespace. */
  within(command: readonly string[]): readonly string[] {
    return this.#namespace.wrap(command);
  }

  /** Runs any program in the daemon's mount namespace. */
  inside(...command: readonly string[]): Promise<CommandResult> {
    return runProgram(this.within(command));
  }

  logTail(lines = 30): string {
    return readFileSync(this.logFile, "utf8").split("\n").slice(-lines).join("\n");
  }

  /** Ends the daemon and takes its surroundings away. */
  async close(): Promise<void> {
    await this.kill();
    await this.inside("sh", "-c", sweepScript(this.workspace));
    await this.#namespace.close();
    if (process.env.BERTH_TEST_KEEP === undefined) removeWorkspace(this.workspace);
  }
}

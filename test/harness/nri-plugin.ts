import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestDaemon } from "./daemon.ts";
import { eventually } from "./pods.ts";
import type { Workspace } from "./workspace.ts";

const program = fileURLToPath(new URL("../nri/plugin.ts", import.meta.url));

/** What a test's plugin does. Events are named as the methods of its service: `createContainer`. */
export interface NriBehaviour {
  /** The mask that it answers Configure with; 0: all. */
  readonly events?: number;
  /** As messages, of which all may be left out; numbers of 64 bits as text with an n: "5n". */
  readonly answers?: Readonly<Record<string, object>>;
  /** Events that it fails, and with which words. */
  readonly refuses?: Readonly<Record<string, string>>;
  readonly hangs?: readonly string[];
  readonly dies?: readonly string[];
  /** Events that it answers with what is no answer. */
  readonly babbles?: readonly string[];
  /** It goes on when its connection is lost. */
  readonly clings?: boolean;
}

export interface HeardEvent {
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: a message of any kind, as JSON
  readonly request: any;
}

/** A plugin of a test's own: `test/nri/plugin.ts`, launched by the daemon or by the test. */
export class NriTestPlugin {
  readonly #directory: string;
  #child: ChildProcess | undefined;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Puts it where the daemon launches plugins from, at its next start. */
  static install(workspace: Workspace, name: string, behaviour: NriBehaviour = {}): NriTestPlugin {
    const { nri } = workspace;
    const plugin = NriTestPlugin.#make(workspace, name, behaviour);
    for (const directory of [nri.plugins, nri.configs]) mkdirSync(directory, { recursive: true });
    writeFileSync(join(nri.configs, `${name}.conf`), JSON.stringify({ directory: plugin.#directory }));
    const file = join(nri.plugins, name);
    writeFileSync(file, `#!/bin/sh\n${process.execPath} ${program}\n`); // which waits for it, as some scripts do
    chmodSync(file, 0o755);
    return plugin;
  }

  /** Starts it, and waits until it takes part. Its name is `<index>-asked`. */
  static async connect(
    daemon: TestDaemon,
    index: string,
    behaviour: NriBehaviour = {},
  ): Promise<NriTestPlugin> {
    const plugin = NriTestPlugin.#make(daemon.workspace, `${index}-asked`, behaviour);
    await plugin.connect(daemon, index);
    return plugin;
  }

  static #make(workspace: Workspace, name: string, behaviour: NriBehaviour): NriTestPlugin {
    const directory = join(workspace.directory, `plugin-${name}`);
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory);
    const plugin = new NriTestPlugin(directory);
    plugin.behave(behaviour);
    return plugin;
  }

  async connect({ workspace, berth }: TestDaemon, index: string): Promise<void> {
    const args = [program, this.#directory, workspace.nri.socket, index];
    this.#child = spawn(process.execPath, args, { stdio: "inherit" });
    await eventually(`plugin ${index} to take part`, 30_000, async () =>
      (await berth.info({})).nriPlugins.find(
        ({ name, state }) => name === `${index}-asked` && state === "active",
      ),
    );
  }

  /** From the next event on. */
  behave(behaviour: NriBehaviour): void {
    const path = join(this.#directory, "behaviour.json");
    writeFileSync(`${path}.new`, JSON.stringify(behaviour));
    renameSync(`${path}.new`, path);
  }

  /** What it was told, in that order; of one event, or of all. */
  heard(event?: string): HeardEvent[] {
    const path = join(this.#directory, "heard.jsonl");
    if (!existsSync(path)) return [];
    const lines = readFileSync(path, "utf8").split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line)).filter((one) => event === undefined || one.event === event);
  }

  /** Asks for updates by itself. @returns the containers whose update failed */
  async ask(request: object): Promise<string[]> {
    const [asked, failed] = ["ask.json", "failed.json"].map((name) => join(this.#directory, name)) as [
      string,
      string,
    ];
    rmSync(failed, { force: true });
    writeFileSync(`${asked}.new`, JSON.stringify(request));
    renameSync(`${asked}.new`, asked);
    return await eventually("an answer to the plugin", 30_000, async () =>
      existsSync(failed) ? JSON.parse(readFileSync(failed, "utf8")) : undefined,
    );
  }

  /** Of one that the test has started. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Settles when its process is gone. */
  async ended(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    await new Promise((resolve) => child.once("exit", resolve));
  }

  async end(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.ended();
  }
}

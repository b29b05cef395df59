import { appendFileSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BerthService } from "../../src/wire/gen/berth.v1.ts";
import { ImageServiceService, RuntimeServiceService } from "../../src/wire/gen/runtime.v1.ts";
import { type Connection, connect } from "../../src/wire/grpc/client.ts";
import type { CommandResult } from "./command.ts";
import type { DaemonCalls } from "./daemon.ts";
import { hostRunsSystemd, Systemd, unitDirectory } from "./systemd.ts";
import { makeWorkspace, removeWorkspace, sweepScript, type Workspace } from "./workspace.ts";

/** The tree that is tested. */
export const repository = fileURLToPath(new URL("../..", import.meta.url));

/** An entry of the journal: its fields as text. */
export type JournalEntry = Readonly<Record<string, string | undefined>>;

/**
 * berth as `make dist` installs it, below a prefix of its own, and its unit under systemd with another name: beside whatever
 * else this host runs.
 */
export class BerthUnit implements DaemonCalls, AsyncDisposable {
  readonly workspace: Workspace;
  readonly systemd: Systemd;
  /** As in `berth-test-1a2b3c.service`. */
  readonly name: string;
  readonly prefix: string;
  readonly #connection: Connection;

  private constructor(workspace: Workspace, systemd: Systemd) {
    this.workspace = workspace;
    this.systemd = systemd;
    this.name = `${workspace.networkName}.service`;
    this.prefix = join(workspace.directory, "prefix");
    this.#connection = connect(workspace.socket);
  }

  /** Installs this tree, and tells systemd of the unit. Nothing is started. */
  static async install(): Promise<BerthUnit> {
    const workspace = hostRunsSystemd() ? makeWorkspace({ runtime: "crun" }) : nestedWorkspace();
    const unit = new BerthUnit(workspace, await Systemd.start(workspace.directory));
    try {
      await unit.installFrom(repository);
      const packaged = readFileSync(join(unit.prefix, "lib/systemd/system/berth.service"), "utf8");
      await unit.#write(join(unitDirectory, unit.name), packaged);
      await unit.dropIn("workspace", `[Service]\nEnvironment=BERTH_CONFIG=${workspace.configFile}\n`);
      return unit;
    } catch (error) {
      await unit[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** `make dist` of the tree in `source`. @returns what it printed */
  async installFrom(source: string): Promise<string> {
    const script = join(source, "packaging/install/install.sh");
    return succeeded(await this.systemd.inside(script, "", this.prefix));
  }

  /** A tree of the same sources as another version. */
  treeOf(version: string): string {
    const tree = join(this.workspace.directory, `tree-${version}`);
    mkdirSync(tree);
    for (const name of ["bin", "src", "packaging", "package-lock.json", "tsconfig.json"])
      cpSync(join(repository, name), join(tree, name), { recursive: true });
    symlinkSync(join(repository, "node_modules"), join(tree, "node_modules"));
    const manifest = JSON.parse(readFileSync(join(repository, "package.json"), "utf8"));
    writeFileSync(join(tree, "package.json"), JSON.stringify({ ...manifest, version }, undefined, 2));
    return tree;
  }

  /** Lays `text` over the unit, as `systemctl edit` does. */
  async dropIn(name: string, text: string): Promise<void> {
    await this.#write(join(unitDirectory, `${this.name}.d`, `${name}.conf`), text);
    succeeded(await this.systemd.inside("systemctl", "daemon-reload"));
  }

  async #write(path: string, text: string): Promise<void> {
    const script = 'mkdir -p "$(dirname "$1")" && printf %s "$2" >"$1"';
    succeeded(await this.systemd.inside("sh", "-c", script, "sh", path, text));
  }

  /** `systemctl VERB … UNIT`. */
  systemctl(...words: readonly string[]): Promise<CommandResult> {
    return this.systemd.inside("systemctl", ...words, this.name);
  }

  async start(): Promise<void> {
    const started = await this.systemctl("start");
    if (started.code !== 0) throw new Error(`${started.stderr}\n${await this.logTail()}`);
  }

  /** One property of the unit (systemctl(1), show). */
  async property(name: string): Promise<string> {
    return succeeded(await this.systemctl("show", "--value", `--property=${name}`)).trim();
  }

  /** What it has in the journal, by fields as in `BERTH_POD=…`. */
  async journal(...matches: readonly string[]): Promise<JournalEntry[]> {
    const wanted = ["--output=json", "--all", `_SYSTEMD_UNIT=${this.name}`, ...matches];
    const { stdout } = await this.systemd.inside("journalctl", ...wanted);
    return stdout
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line));
  }

  async logTail(): Promise<string> {
    return (await this.systemd.inside("journalctl", "--no-pager", "-n", "40")).stdout;
  }

  /** Runs the installed `berth` command for this daemon. */
  command(...args: readonly string[]): Promise<CommandResult> {
    const [name = "", ...more] = args;
    const berth = join(this.prefix, "bin/berth");
    return this.systemd.inside(berth, name, "--config", this.workspace.configFile, ...more);
  }

  get pods() {
    return this.#connection.calls(RuntimeServiceService);
  }

  get images() {
    return this.#connection.calls(ImageServiceService);
  }

  get berth() {
    return this.#connection.calls(BerthService);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection.close();
    await this.systemctl("stop");
    await this.systemd.inside("sh", "-c", sweepScript(this.workspace));
    const files = [this.name, `${this.name}.d`].map((name) => join(unitDirectory, name));
    await this.systemd.inside("rm", "-rf", ...files);
    await this.systemd.inside("systemctl", "daemon-reload");
    await this.systemd[Symbol.asyncDispose]();
    if (process.env.BERTH_TEST_KEEP === undefined) removeWorkspace(this.workspace);
  }
}

/**
 * For a systemd in namespaces, whose cgroups have no controllers, and root there may not have more locked memory, which crun
 * wants: runc, which is asked for no limit of processes.
 */
function nestedWorkspace(): Workspace {
  const workspace = makeWorkspace({ runtime: "runc" });
  const wrapper = join(workspace.directory, "runc");
  const script = `#!/bin/sh
before=
for word; do
  [ "$before" != --bundle ] || sed -i 's/,"pids":{"limit":[0-9]*}//' "$word/config.json"
  before=$word
done
exec runc "$@"
`;
  writeFileSync(wrapper, script, { mode: 0o755 });
  appendFileSync(workspace.configFile, `\n[runtime.handlers.runc]\nbinary = "${wrapper}"\n`);
  return workspace;
}

function succeeded({ code, stdout, stderr }: CommandResult): string {
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr}${stdout}`);
  return stdout;
}

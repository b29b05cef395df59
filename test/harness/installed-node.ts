import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { BerthService } from "../../src/wire/gen/berth.v1.ts";
import { ImageServiceService, RuntimeServiceService } from "../../src/wire/gen/runtime.v1.ts";
import { connect } from "../../src/wire/grpc/client.ts";
import { runProgram } from "./command.ts";
import type { LeakingDaemon } from "./leaks.ts";
import { eventually } from "./pods.ts";
import type { Workspace } from "./workspace.ts";

const startWithinMs = 60_000;
const unit = "berth.service";

/** Where all lies on a node whose settings say nothing of it. */
const workspace = {
  directory: "/",
  root: "/var/lib/berth",
  state: "/run/berth",
  socket: "/run/berth/berth.sock",
  leases: "/var/lib/cni/networks",
  confDir: "/etc/cni/net.d",
  certsDir: "/etc/berth/certs.d",
  configFile: "/etc/berth/config.toml",
  nri: { socket: "/var/run/nri/nri.sock", plugins: "/opt/nri/plugins", configs: "/etc/nri/conf.d" },
  logs: "/var/log/pods",
} as const;

/** What its settings and its network's configuration say of pods. */
type PodPlaces = Omit<Workspace, keyof typeof workspace>;

/** A node with berth as its service, installed as an operator does: for guests, where nobody else has one. */
export class InstalledNode {
  readonly daemon: LeakingDaemon;
  readonly #connection = connect(workspace.socket);

  constructor(places: PodPlaces) {
    for (const directory of [workspace.certsDir, workspace.logs]) mkdirSync(directory, { recursive: true });
    const inside = (...command: readonly string[]) => runProgram(command);
    this.daemon = {
      workspace: { ...workspace, ...places },
      pods: this.#connection.calls(RuntimeServiceService),
      images: this.#connection.calls(ImageServiceService),
      berth: this.#connection.calls(BerthService),
      inside,
      command: (name = "", ...args) => inside("berth", ...name.split(" "), ...args),
      logTail: (lines = 30) => this.journal("--lines", String(lines)),
    };
  }

  /** Waits until systemd has started the service. @throws if it took more than one try since the last boot or stop */
  async started(): Promise<void> {
    await eventually("the service to be active", startWithinMs, async () => {
      const state = await this.property("ActiveState");
      if (state === "failed") throw new Error(`the service failed: ${this.daemon.logTail()}`);
      return state === "active" ? true : undefined;
    });
    const restarts = await this.property("NRestarts");
    if (restarts !== "0") throw new Error(`it was started again ${restarts} times: ${this.daemon.logTail()}`);
  }

  /** Starts the service again with this program as its `berth`. */
  async restartAs(berth: string): Promise<void> {
    const dropIns = `/run/systemd/system/${unit}.d`;
    mkdirSync(dropIns, { recursive: true });
    writeFileSync(`${dropIns}/program.conf`, `[Service]\nExecStart=\nExecStart=${berth} serve\n`);
    await succeeded("systemctl", "daemon-reload");
    await succeeded("systemctl", "restart", unit);
  }

  /** One property of the unit (systemctl(1), show). */
  async property(name: string): Promise<string> {
    return (await succeeded("systemctl", "show", "--value", `--property=${name}`, unit)).trim();
  }

  /** Ends the connection; the service goes on. */
  close(): void {
    this.#connection.close();
  }

  /** What the service wrote in this boot. */
  journal(...options: readonly string[]): string {
    const all = ["--no-pager", "--boot", "--unit", unit];
    return execFileSync("journalctl", [...all, ...options], { encoding: "utf8", maxBuffer: 64 << 20 });
  }
}

/** Runs any program. @returns what it printed @throws unless it succeeds */
export async function succeeded(...command: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runProgram(command);
  if (code !== 0) throw new Error(`${command.join(" ")}: exit code ${code}: ${stderr}${stdout}`);
  return stdout;
}

import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type CommandResult, runProgram } from "./command.ts";
import { eventually } from "./pods.ts";
import { quietly } from "./workspace.ts";

const script = fileURLToPath(new URL("systemd-in-namespaces.sh", import.meta.url));

/** Where units are put that a reboot forgets. */
export const unitDirectory = "/run/systemd/system";

/** Whether this host's first program is systemd. */
export function hostRunsSystemd(): boolean {
  return readFileSync("/proc/1/comm", "utf8") === "systemd\n";
}

/** One in namespaces of its own: who holds it, its first program, and its root cgroup on the host. */
interface Nested {
  readonly holder: ChildProcess;
  readonly pid: number;
  readonly cgroup: string;
}

/** A systemd that tests may give units to: the one that this host runs, or else one in namespaces of its own. */
export class Systemd implements AsyncDisposable {
  readonly #nested:
    | { readonly holder: ChildProcess; readonly pid: number; readonly cgroup: string }
    | undefined;

  private constructor(nested: Nested | undefined) {
    this.#nested = nested;
  }

  /** @param directory for what one of its own writes: it sees the host's files, but for /run and /dev */
  static async start(directory: string): Promise<Systemd> {
    if (hostRunsSystemd()) return new Systemd(undefined);
    const holder = spawn(script, [directory], { stdio: ["ignore", "ignore", "inherit"] });
    const pid = await eventually("systemd to be started", 15_000, async () => firstChildOf(holder.pid ?? 0));
    const cgroup = readFileSync(join(directory, "cgroup"), "utf8").trim();
    const systemd = new Systemd({ holder, pid, cgroup });
    await eventually("systemd to have come up", 15_000, async () => {
      const { code } = await systemd.inside("systemctl", "is-active", "multi-user.target");
      return code === 0 ? true : undefined;
    });
    return systemd;
  }

  /** Puts a command line where units run. */
  within(command: readonly string[]): readonly string[] {
    if (this.#nested === undefined) return command;
    const namespaces = ["--mount", "--pid", "--cgroup", "--ipc", "--uts"];
    return ["nsenter", ...namespaces, "--target", String(this.#nested.pid), "--", ...command];
  }

  /** Runs any program there, to its end. */
  inside(...command: readonly string[]): Promise<CommandResult> {
    return runProgram(this.within(command));
  }

  /** Ends one of its own with all that runs in it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#nested === undefined) return;
    const { holder, cgroup } = this.#nested;
    const ended = new Promise((resolve) => holder.once("exit", resolve));
    holder.kill("SIGKILL");
    await ended;
    await eventually("its cgroup to be empty", 5000, async () =>
      readFileSync(join(cgroup, "cgroup.events"), "utf8").includes("populated 0") ? true : undefined,
    );
    quietly("find", [cgroup, "-depth", "-type", "d", "-delete"]);
  }
}

/** `unshare` keeps the pid that it was started with; its child is the first program. */
function firstChildOf(pid: number): number | undefined {
  try {
    const [child = ""] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ");
    return readFileSync(`/proc/${child}/comm`, "utf8") === "systemd\n" ? Number(child) : undefined;
  } catch {
    return undefined; // not yet
  }
}

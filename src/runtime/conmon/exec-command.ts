import { randomBytes } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { waitFor } from "../../base/deadline.ts";
import { describeFault, Fault } from "../../base/fault.ts";
import type { ContainerId } from "../../base/ids.ts";
import type { Ms } from "../../base/units.ts";
import type { ChildExit } from "../../linux/child-exits.ts";
import type { FileOwner } from "../../linux/contract.ts";
import type { Launch, Launched } from "../../linux/launcher.ts";
import { systemFault } from "../../linux/libc.ts";
import { withOomScore } from "../../linux/own-oom-score.ts";
import { processIdentity } from "../../linux/process-identity.ts";
import { ociJson } from "../../spec/oci-json.ts";
import { createExecCgroup, dissolve, type ExecCgroup, gather, killWhole } from "../exec-cgroup.ts";
import { handlerOf } from "./handler-of.ts";
import { type Handler, runsOnHost } from "./handlers.ts";
import { pidIn } from "./monitors.ts";
import type { ConmonParts } from "./parts.ts";
import { runtimeFault } from "./runtime-command.ts";
import { killTree } from "./sandbox-processes.ts";

/** How long the clean-up after a kill may take. */
const killDeadline: Ms = 10_000;
/** How long a start that nobody waits for any more may go on. */
const startPatience: Ms = 10_000;

/** What the name of the file ends with that has a command's id within its sandbox. */
export const innerPidSuffix = ".inner-pid";

/** Which command, in which container. */
export interface CommandRequest {
  readonly id: ContainerId;
  readonly handler: string;
  readonly command: readonly string[];
}

/** What its stdio is, besides what the runtime inherits. */
export interface CommandOptions {
  /** Where the runtime hands the command's terminal over; undefined: it has none. */
  readonly consoleSocket?: string;
  /** Where the runtime tells what went wrong; undefined: on its stderr. */
  readonly log?: string;
}

/**
 * One command in a container: a spec file, a pid file and a cgroup that are made for it. The runtime's detached `exec`
 * hands its stdio over and ends: this process is then the command's parent (see Orphans), and learns its exit without a
 * monitor and without the runtime standing in between.
 *
 * Its few small files are read and written at once: they lie in memory, and handing a call over to a thread of the pool
 * takes this thread ten times as long as the call itself.
 */
export class ExecCommand implements Disposable {
  readonly request: CommandRequest;
  readonly handler: Handler;
  /** What its files' names begin with. */
  readonly name: string;
  /** The command's user, as the host has its ids: crun's `exec` leaves its stdio to root. */
  readonly stdioOwner: FileOwner;
  readonly #oomScore: number | undefined;
  readonly #bundle: string;
  readonly #cgroup: ExecCgroup | undefined;
  readonly #parts: ConmonParts;

  /** Makes its cgroup and writes its spec file. @throws {Fault} wrongState when the container is gone, exhausted */
  constructor(request: CommandRequest, terminal: boolean, parts: ConmonParts) {
    const template = parts.execTemplates.get(request.id);
    this.request = request;
    this.handler = handlerOf(request.id, request.handler, parts);
    this.stdioOwner = template.owner;
    this.#oomScore = template.process.oomScoreAdj;
    this.#parts = parts;
    this.#bundle = parts.paths.container(request.id).bundle;
    this.name = join(this.#bundle, `exec-${randomBytes(6).toString("hex")}`);
    this.#cgroup =
      template.cgroup !== undefined && runsOnHost(this.handler)
        ? createExecCgroup(template.cgroup, this.handler.kind, parts.host.cgroups)
        : undefined;
    const spec = { ...template.process, terminal, args: request.command };
    try {
      writeFileSync(this.#specFile, ociJson(spec), { mode: 0o600 });
    } catch (error) {
      throw systemFault(`writing ${this.#specFile}`, error, { path: this.#specFile });
    }
  }

  get #specFile(): string {
    return `${this.name}.json`;
  }

  get #pidFile(): string {
    return `${this.name}.pid`;
  }

  /** Its process's id within its sandbox, where it has one: the one on this host stands in for it. */
  get #innerPidFile(): string {
    return `${this.name}${innerPidSuffix}`;
  }

  #terminalOptions(consoleSocket: string | undefined): string[] {
    if (consoleSocket === undefined) return [];
    // runsc knows by the spec alone
    return [...(this.handler.kind === "runsc" ? [] : ["--tty"]), "--console-socket", consoleSocket];
  }

  /** How the runtime is started for it. */
  launch({ consoleSocket, log }: CommandOptions = {}): Launch {
    const { handler } = this;
    const command = [
      handler.path,
      ...handler.args,
      ...(log === undefined ? [] : [`--log=${log}`]),
      "--log-format=json",
      ...["exec", "--detach", "--process", this.#specFile, "--pid-file", this.#pidFile],
      ...this.#terminalOptions(consoleSocket),
      ...(handler.kind === "runsc" ? ["--internal-pid-file", this.#innerPidFile] : []),
      ...(this.#cgroup?.options ?? []),
      this.request.id,
    ];
    // runc gives the container's score to the command; of crun's, it would be the daemon's.
    const [path = "", ...args] = handler.kind === "runc" ? command : withOomScore(this.#oomScore, command);
    return {
      path,
      args,
      env: handler.env,
      cwd: this.#bundle,
      more: [],
      outputOwner: this.stdioOwner,
    };
  }

  /**
   * The command's process, once the runtime has ended well: this process's child from now on, all that it started in its
   * cgroup.
   */
  adopt(): { pid: number; ended: Promise<ChildExit> } {
    const pid = pidIn(this.#pidFile);
    if (pid === undefined) throw new Fault("internal", `${this.handler.binary} exec: named no process`);
    const ended = this.#parts.host.launcher.orphan(pid);
    if (this.#cgroup !== undefined) gather(this.#cgroup, pid);
    return { pid, ended };
  }

  /**
   * Nobody waits any more for what the runtime is starting. One that starts it outside its cgroup, or in a sandbox, is let, for a while: what it
   * left behind, killed between the command's start and its own end, nobody could tell from the container's own processes.
   */
  async settleStart({ exited }: Launched): Promise<void> {
    const isStartedApart = this.#cgroup?.options.length === 0 || this.handler.kind === "runsc";
    if (!isStartedApart) return;
    const patience = AbortSignal.timeout(startPatience);
    const runtime = await waitFor(exited, patience, "starting the command").catch(() => undefined);
    if (runtime?.code === 0) this.adopt();
  }

  /** Why the runtime could not start it: the container has ended meanwhile, or what the runtime says. */
  refusal(runtime: ChildExit, said: Uint8Array): Fault {
    const init = pidIn(this.#parts.paths.container(this.request.id).pidFile);
    const fault = runtimeFault(this.handler, "exec", { ...runtime, stderr: said });
    if (init !== undefined && processIdentity(init) !== undefined) return fault;
    return new Fault("wrongState", `container ${this.request.id} is not running`, { cause: fault });
  }

  /** The command has ended: what it left running on purpose goes on as the container's. */
  async release(): Promise<void> {
    if (this.#cgroup !== undefined) await dissolve(this.#cgroup);
  }

  /** Kills the command with all it started. Never throws: what can't be killed is logged. */
  async kill(): Promise<void> {
    const { host } = this.#parts;
    try {
      if (this.#cgroup !== undefined) {
        await killWhole(this.#cgroup, host.cgroups, AbortSignal.timeout(killDeadline));
      }
      const pid = pidIn(this.#innerPidFile);
      if (pid !== undefined) {
        const { id } = this.request;
        await killTree({ id, pid }, this.handler, host, AbortSignal.timeout(killDeadline));
      }
    } catch (error) {
      const fields = { container: this.request.id, err: describeFault(error) };
      host.log.error(fields, "what a command left in its container could not be killed");
    }
    host.launcher.reapUnclaimed(); // or it would hold up the end of the container's init
  }

  [Symbol.dispose](): void {
    for (const file of [this.#specFile, this.#pidFile, this.#innerPidFile]) rmSync(file, { force: true });
  }
}

/** As a shell has it: 128 + n for signal n; 255 when it can't be known. */
export function exitCodeOf({ code, signal }: ChildExit): number {
  if (signal === null) return code ?? 255;
  const signals: Readonly<Record<string, number>> = constants.signals;
  return 128 + (signals[signal] ?? Number(signal.slice("SIG".length)));
}

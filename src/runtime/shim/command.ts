import { randomBytes } from "node:crypto";
import { waitFor } from "../../base/deadline.ts";
import { describeFault, during, Fault } from "../../base/fault.ts";
import type { Ms } from "../../base/units.ts";
import type { StreamRequest } from "../contract.ts";
import { createExecCgroup, dissolve, type ExecCgroup, gather, killWhole } from "../exec-cgroup.ts";
import type { ExecTemplate } from "../exec-templates.ts";
import { answered, hangs } from "./answered.ts";
import { isOnHost } from "./handler.ts";
import { handlerOf } from "./handler-of.ts";
import { commandName, dropNote, noteCommand } from "./noted-commands.ts";
import { ociAny } from "./options.ts";
import type { ShimParts } from "./parts.ts";
import type { Shim } from "./shim.ts";
import { isSilent } from "./silent.ts";
import { shimOf, stateByShim } from "./task-calls.ts";

/** How long the clean-up after a kill may take. */
const killDeadline: Ms = 10_000;
/** How long a start that nobody waits for any more may go on. */
const startPatience: Ms = 10_000;

/** Paths at which the shim opens the ends that are the command's; empty: none. */
export interface CommandStdio {
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
}

type CommandRequest = Pick<StreamRequest, "id" | "handler" | "command" | "tty">;

/**
 * One command in a container under a shim. All that it starts is in a cgroup of its own, where its processes are this host's: the
 * shim itself could kill the first of them alone.
 */
export class ShimCommand {
  readonly #request: CommandRequest;
  readonly #parts: ShimParts;
  readonly #shim: Shim;
  readonly #template: ExecTemplate;
  readonly #execId = commandName(randomBytes(6).toString("hex"));
  readonly #cgroup: ExecCgroup | undefined;
  /** Its processes are this host's, and not in a sandbox. */
  readonly #isHere: boolean;
  /** Aborts once the shim has forgotten it. */
  readonly #over = new AbortController();
  /** The shim said nothing to its start, or its end, and would not to anything else. */
  #isUnanswered = false;

  /** @throws {Fault} wrongState when the container is gone */
  static async open(request: CommandRequest, parts: ShimParts, signal: AbortSignal): Promise<ShimCommand> {
    return new ShimCommand(request, parts, await shimOf(request.id, parts, signal));
  }

  private constructor(request: CommandRequest, parts: ShimParts, shim: Shim) {
    this.#request = request;
    this.#parts = parts;
    this.#shim = shim;
    this.#template = parts.execTemplates.get(request.id);
    const { cgroup } = this.#template;
    this.#isHere = isOnHost(handlerOf(request.id, parts, request.handler));
    this.#cgroup =
      this.#isHere && cgroup !== undefined
        ? createExecCgroup(cgroup, "other", parts.host.cgroups)
        : undefined;
  }

  get shimPid(): number {
    return this.#shim.process.pid;
  }

  /**
   * Starts it. `ended` has its exit code, as a shell has it.
   *
   * @throws {Fault} wrongState when the container has ended; else as the shim says
   */
  async start(stdio: CommandStdio, signal: AbortSignal): Promise<{ ended: Promise<number> }> {
    const { id, command } = this.#request;
    const starting = this.#begin(stdio);
    let ended: Promise<number>;
    try {
      ({ ended } = await waitFor(answered(starting, this.#shim), signal, `starting ${command[0]}`));
    } catch (error) {
      if (signal.aborted || this.#shim.client.isSilent) {
        this.#isUnanswered = !(await this.#isSettled(starting));
        if (!this.#isUnanswered) throw error;
        void starting.then(() => this.#endLate()).catch(() => undefined); // it was only stopped for a while
        throw hangs(this.#shim, error);
      }
      const state = await stateByShim(id, this.#parts, signal).catch(() => undefined);
      if (state === "running") throw error;
      throw new Fault("wrongState", `container ${id} is not running`, { cause: error });
    }
    return { ended };
  }

  /**
   * Waits for a start that nobody waits for any more. The shim opens the ends of its streams in the middle of it: it would not find them,
   * and forget a command that runs. Nor does it kill one before, which is not in its group yet. False: it says nothing.
   */
  async #isSettled(starting: Promise<unknown>): Promise<boolean> {
    const settled = starting.then(
      () => true,
      () => true,
    );
    const answers = isSilent(this.#shim).then((silent) => !silent);
    if (!(await Promise.race([settled, answers]))) return false;
    const limit = AbortSignal.timeout(startPatience);
    return await waitFor(settled, limit, "starting a command").catch(() => false);
  }

  async #begin(stdio: CommandStdio): Promise<{ ended: Promise<number> }> {
    const { id, command, tty: terminal } = this.#request;
    const name = { id, execId: this.#execId };
    const { calls } = this.#shim;
    const spec = ociAny("Process", { ...this.#template.process, terminal, args: command });
    if (!this.#isHere) noteCommand(id, this.#execId, this.#parts.paths);
    await calls.exec({ ...name, terminal, ...stdio, spec });
    // before it runs, as one that ends its container is soon forgotten with that
    const ended = calls.wait(name, { signal: this.#over.signal }).then(({ exitStatus }) => exitStatus);
    ended.catch(() => undefined); // heard by who waits
    const { pid } = await calls.start(name);
    if (this.#cgroup !== undefined) gather(this.#cgroup, pid);
    return { ended };
  }

  async resize({ columns: width, rows: height }: { columns: number; rows: number }): Promise<void> {
    const { id } = this.#request;
    await this.#shim.calls.resizePty({ id, execId: this.#execId, width, height }).catch(() => undefined); // it has ended
  }

  /** There is no more input: the shim holds that open by itself. */
  async closeInput(): Promise<void> {
    const { id } = this.#request;
    await this.#shim.calls.closeIo({ id, execId: this.#execId, stdin: true }).catch(() => undefined); // it has ended
  }

  /** The command has ended: what it left running on purpose goes on as the container's. */
  async release(): Promise<void> {
    if (this.#cgroup !== undefined) await dissolve(this.#cgroup);
    void this.#forget(); // which waits for what holds the command's output
  }

  /** Kills the command with all it started. Never throws: what can't be killed is logged. */
  async kill(): Promise<void> {
    const { id } = this.#request;
    const { host } = this.#parts;
    const name = { id, execId: this.#execId };
    const timeout = killDeadline;
    try {
      if (!this.#isUnanswered) {
        await this.#shim.calls.kill({ ...name, signal: 9 }, { timeout }).catch(() => undefined);
        this.#isUnanswered = this.#shim.client.isSilent; // stopped while the command ran
      }
      if (this.#cgroup !== undefined) {
        await killWhole(this.#cgroup, host.cgroups, AbortSignal.timeout(killDeadline));
      }
      if (!this.#isUnanswered) await this.#shim.calls.wait(name, { timeout }).catch(() => undefined);
    } catch (error) {
      const err = describeFault(during("killing a command", error));
      host.log.error({ container: id, err }, "what a command left in its container could not be killed");
    }
    if (this.#isUnanswered) void this.#forget();
    else await this.#forget();
  }

  /** A command that nobody waits for any more was started after all. */
  async #endLate(): Promise<void> {
    this.#isUnanswered = false;
    await this.kill();
  }

  /** The shim keeps what has ended on its books until it is told. */
  async #forget(): Promise<void> {
    const { id } = this.#request;
    const name = { id, execId: this.#execId };
    await this.#shim.calls.delete(name, { timeout: killDeadline }).catch(() => undefined); // gone with the container
    this.#over.abort(); // of what was never started no end comes
    if (!this.#isHere) dropNote(id, this.#execId, this.#parts.paths);
  }
}

import { throwIfEnded } from "../base/deadline.ts";
import type { Bytes } from "../base/units.ts";
import { type ChildExit, ChildExits } from "./child-exits.ts";
import type { FileOwner } from "./contract.ts";
import { Orphans } from "./orphans.ts";
import { OutputPipe } from "./output-pipe.ts";
import { Pipe } from "./pipe.ts";
import { posixSpawnAsync } from "./posix-spawn.ts";
import { programFault } from "./program-fault.ts";
import { Turns } from "./turns.ts";

/** A spawn holds a thread of the pool for a millisecond; the others stay free for files. */
const spawnsAtOnce = 2;

/** What is left behind may print much; more than fits into the pipe waits for so long. */
const readAfterMs = 10;

/** A program that ends and leaves a process behind: a monitor, or what a runtime starts in a container. */
export interface Launch {
  /** Absolute. */
  readonly path: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Become its fds 3, 4, …; the caller closes its own copies. */
  readonly more: readonly number[];
  /** Who may open its output anew, as programs do by /dev/stdout; undefined: only this process's user. */
  readonly outputOwner?: FileOwner | undefined;
}

/**
 * A launched program. Until it is disposed of, the process that it leaves behind is the caller's, to be waited for by
 * `orphan`.
 */
export interface Launched extends Disposable {
  /** Also its process group. */
  readonly pid: number;
  readonly exited: Promise<ChildExit>;
}

/** Its output is read here. The process that it leaves behind may hold the pipes: disposing closes this end. */
export interface LaunchedWithOutput extends Launched {
  readonly stdout: OutputPipe;
  readonly stderr: OutputPipe;
}

/** Descriptors that become a program's own; the caller closes its copies. No stdin: /dev/null. */
export interface Stdio {
  readonly stdin: number | undefined;
  readonly stdout: number;
  readonly stderr: number;
}

/**
 * Launches such programs by posix_spawn, with real pipes or what the caller has as their stdio, each in a process group of
 * its own. For the main thread, where SIGCHLD arrives. One for the process.
 */
export class Launcher {
  readonly #exits = new ChildExits();
  readonly #turns = new Turns(spawnsAtOnce);
  readonly #waited = new Set<number>();
  /** When those began that are not disposed of, oldest first. */
  readonly #launches = new Map<symbol, number>();
  readonly #orphans = new Orphans({
    waitsFor: (pid) => this.#waited.has(pid),
    oldestLaunch: () => this.#launches.values().next().value,
  });

  /**
   * @param maxOutput output beyond this is read and dropped, for stdout and stderr each
   * @throws {Fault} as launchOnto
   */
  async launch(launch: Launch, maxOutput: Bytes, signal: AbortSignal): Promise<LaunchedWithOutput> {
    using output = new Pipe();
    using errors = new Pipe();
    output.give(launch.outputOwner);
    errors.give(launch.outputOwner);
    const stdio = { stdin: undefined, stdout: output.write, stderr: errors.write };
    const launched = await this.launchOnto(launch, stdio, signal);
    const stdout = new OutputPipe(output.release("read"), maxOutput, readAfterMs);
    const stderr = new OutputPipe(errors.release("read"), maxOutput, readAfterMs);
    return {
      ...launched,
      stdout,
      stderr,
      [Symbol.dispose]() {
        stdout.finish();
        stderr.finish();
        launched[Symbol.dispose]();
      },
    };
  }

  /** @throws {Fault} unavailable (no program), exhausted, forbidden or internal, as the kernel said; what `signal` says when it has aborted */
  async launchOnto(launch: Launch, stdio: Stdio, signal: AbortSignal): Promise<Launched> {
    using claim = this.#claim();
    const pid = await this.#turns.take(() => {
      throwIfEnded(signal, `starting ${launch.path}`);
      return spawn(launch, stdio);
    });
    const ending = claim.move();
    return { pid, exited: this.#wait(pid), [Symbol.dispose]: () => ending.dispose() };
  }

  /** How a process ended that a launched program left behind. To be called once that program has exited. */
  orphan(pid: number): Promise<ChildExit> {
    return this.#wait(pid);
  }

  /** Reaps what launched programs left behind and nobody asked for, such as a command that could not be started. */
  reapUnclaimed(): void {
    this.#orphans.reap();
  }

  #wait(pid: number): Promise<ChildExit> {
    this.#waited.add(pid);
    return this.#exits.wait(pid).finally(() => this.#waited.delete(pid));
  }

  #claim(): DisposableStack {
    const claim = Symbol();
    const stack = new DisposableStack();
    this.#launches.set(claim, performance.now());
    stack.defer(() => this.#launches.delete(claim));
    return stack;
  }
}

async function spawn(launch: Launch, stdio: Stdio): Promise<number> {
  try {
    return await posixSpawnAsync({
      file: launch.path,
      argv: [launch.path, ...launch.args],
      environment: Object.entries(launch.env).map(([name, value]) => `${name}=${value}`),
      cwd: launch.cwd,
      ...stdio,
      more: launch.more,
    });
  } catch (error) {
    throw programFault(launch.path, error);
  }
}

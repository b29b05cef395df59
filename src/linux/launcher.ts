import { throwIfEnded } from "../base/deadline.ts";
import type { Bytes } from "../base/units.ts";
import { type ChildExit, ChildExits } from "./child-exits.ts";
import { systemFault } from "./libc.ts";
import { Orphans } from "./orphans.ts";
import { OutputPipe } from "./output-pipe.ts";
import { Pipe } from "./pipe.ts";
import { posixSpawnAsync } from "./posix-spawn.ts";
import { Turns } from "./turns.ts";

/** A spawn holds a thread of the pool for a millisecond; the others stay free for files. */
const spawnsAtOnce = 2;

/** A program that ends and leaves a process behind: a monitor, or what a runtime starts in a container. */
export interface Launch {
  /** Absolute. */
  readonly path: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Become its fds 3, 4, …; the caller closes its own copies. */
  readonly more: readonly number[];
  /** Output beyond this is read and dropped, for stdout and stderr each. */
  readonly maxOutput: Bytes;
}

/**
 * A launched program. Until it is disposed of, the process that it leaves behind is the caller's, to be waited for by
 * `orphan`. That process may hold stdout and stderr: disposing closes this end.
 */
export interface Launched extends Disposable {
  /** Also its process group. */
  readonly pid: number;
  readonly exited: Promise<ChildExit>;
  readonly stdout: OutputPipe;
  readonly stderr: OutputPipe;
}

/**
 * Launches such programs by posix_spawn, with real pipes as stdout and stderr and /dev/null as stdin, each in a process
 * group of its own. For the main thread, where SIGCHLD arrives. One for the process.
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

  /** @throws {Fault} notFound, forbidden or internal, as the kernel said; what `signal` says when it has aborted */
  async launch(launch: Launch, signal: AbortSignal): Promise<Launched> {
    using output = new Pipe();
    using errors = new Pipe();
    using claim = this.#claim();
    const pid = await this.#turns.take(() => {
      throwIfEnded(signal, `starting ${launch.path}`);
      return spawn(launch, output.write, errors.write);
    });
    const exited = this.#wait(pid);
    const stdout = new OutputPipe(output.release("read"), launch.maxOutput);
    const stderr = new OutputPipe(errors.release("read"), launch.maxOutput);
    const ending = claim.move();
    ending.defer(() => {
      stdout.finish();
      stderr.finish();
    });
    return { pid, exited, stdout, stderr, [Symbol.dispose]: () => ending.dispose() };
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

async function spawn(launch: Launch, stdout: number, stderr: number): Promise<number> {
  try {
    return await posixSpawnAsync({
      file: launch.path,
      argv: [launch.path, ...launch.args],
      environment: Object.entries(launch.env).map(([name, value]) => `${name}=${value}`),
      cwd: launch.cwd,
      stdin: undefined,
      stdout,
      stderr,
      more: launch.more,
    });
  } catch (error) {
    throw systemFault(`starting ${launch.path}`, error);
  }
}

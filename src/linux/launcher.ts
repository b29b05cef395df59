import { closeSync } from "node:fs";
import { throwIfEnded } from "../base/deadline.ts";
import type { Bytes } from "../base/units.ts";
import { type ChildExit, ChildExits } from "./child-exits.ts";
import { systemFault } from "./libc.ts";
import { adoptOrphans } from "./orphans.ts";
import { OutputPipe } from "./output-pipe.ts";
import { closeOnExecPipe, posixSpawnAsync } from "./posix-spawn.ts";
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

/** A launched program. The process it leaves behind may hold stdout and stderr: whoever launched calls `finish` on both. */
export interface Launched {
  /** Also its process group. */
  readonly pid: number;
  readonly exited: Promise<ChildExit>;
  readonly stdout: OutputPipe;
  readonly stderr: OutputPipe;
}

/**
 * Launches such programs by posix_spawn, with real pipes as stdout and stderr and /dev/null as stdin, each in a process
 * group of its own. For the main thread, where SIGCHLD arrives.
 */
export class Launcher {
  readonly #exits = new ChildExits();
  readonly #turns = new Turns(spawnsAtOnce);

  constructor() {
    adoptOrphans();
  }

  /** @throws {Fault} notFound, forbidden or internal, as the kernel said; what `signal` says when it has aborted */
  async launch(launch: Launch, signal: AbortSignal): Promise<Launched> {
    using childEnds = new DisposableStack();
    using ourEnds = new DisposableStack();
    const output = () => {
      const [read, write] = closeOnExecPipe();
      childEnds.adopt(write, closeSync);
      return { read: ourEnds.adopt(read, closeSync), write };
    };
    const stdout = output();
    const stderr = output();
    const pid = await this.#turns.take(() => {
      throwIfEnded(signal, `starting ${launch.path}`);
      return spawn(launch, stdout.write, stderr.write);
    });
    ourEnds.move();
    return {
      pid,
      exited: this.#exits.wait(pid),
      stdout: new OutputPipe(stdout.read, launch.maxOutput),
      stderr: new OutputPipe(stderr.read, launch.maxOutput),
    };
  }

  /** How a process ended that a launched program left behind. To be called once that program has exited. */
  orphan(pid: number): Promise<ChildExit> {
    return this.#exits.wait(pid);
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

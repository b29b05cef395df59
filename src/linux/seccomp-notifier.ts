import { once } from "node:events";
import { chmodSync, rmSync } from "node:fs";
import { extname } from "node:path";
import { describeFault } from "../base/fault.ts";
import type { RefusedCall } from "./contract.ts";
import { closeFd } from "./libc.ts";
import { Pipe } from "./pipe.ts";
import { startThread } from "./start-thread.ts";
import { bindUnixSocket, listenOn, newUnixSocket } from "./unix-socket.ts";

const threadModule = new URL(`./seccomp-notifier-thread${extname(import.meta.url)}`, import.meta.url);

/** What the thread is started with. */
export interface SeccompThreadData {
  readonly listener: number;
  /** Ends, where the thread is to. */
  readonly stop: number;
  readonly path: string;
}

type Told = { readonly call: RefusedCall } | { readonly problem: string };

/**
 * Listens at `path` for seccomp filters that leave calls to a listener (`SCMP_ACT_NOTIFY`), refuses these calls (EPERM), and
 * tells of each. When this process ends, the kernel refuses them (ENOSYS).
 *
 * @param trouble called with what went wrong in taking over a filter
 * @throws {SystemCallError} when it can't listen there
 */
export function openSeccompNotifier(
  path: string,
  refused: (call: RefusedCall) => void,
  trouble: (why: string) => void,
): AsyncDisposable {
  rmSync(path, { force: true });
  const listener = newUnixSocket("stream");
  const stop = new Pipe();
  try {
    bindUnixSocket(listener, path);
    chmodSync(path, 0o600);
    listenOn(listener, path, 64);
    const thread = startThread(threadModule, {
      name: "berth-seccomp",
      resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32, stackSizeMb: 2 },
      execArgv: [],
      workerData: { listener, stop: stop.read, path } satisfies SeccompThreadData,
    });
    thread.on("message", (told: Told) => ("call" in told ? refused(told.call) : trouble(told.problem)));
    thread.on("error", (error) => trouble(`its thread ended: ${describeFault(error)}`));
    const ended = once(thread, "exit");
    thread.unref();
    return {
      async [Symbol.asyncDispose]() {
        stop.close("write");
        await ended;
        closeFd(listener);
        stop[Symbol.dispose]();
        rmSync(path, { force: true });
      },
    };
  } catch (error) {
    closeFd(listener);
    stop[Symbol.dispose]();
    throw error;
  }
}

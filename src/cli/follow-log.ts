import { setTimeout as sleep } from "node:timers/promises";
import { isFault } from "../base/fault.ts";
import type { Ms } from "../base/units.ts";
import { ContainerState, type ContainerStatus } from "../wire/gen/runtime.v1.ts";
import type { Runtime } from "./context.ts";
import { LogFile, type LogLine } from "./log-lines.ts";

const pollEvery: Ms = 100;

/** A container's log from its beginning until the container has ended and all is shown, or `signal` aborts. */
export async function* followLog(
  runtime: Runtime,
  containerId: string,
  logPath: string,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  using file = new LogFile(logPath);
  while (!signal.aborted) {
    // Asked before the last read: what it wrote before its end is in the file by then.
    const status = await statusOf(runtime, containerId);
    yield* file.read();
    if (status === undefined || status.state === ContainerState.CONTAINER_EXITED) return;
    await sleep(pollEvery, undefined, { signal }).catch(() => undefined);
  }
}

/** The container's status; undefined when there is no such container. */
export async function statusOf(runtime: Runtime, containerId: string): Promise<ContainerStatus | undefined> {
  try {
    const { status } = await runtime.pods.containerStatus({ containerId, verbose: false });
    return status;
  } catch (error) {
    if (isFault(error, "notFound")) return undefined;
    throw error;
  }
}

/** Shows an entry where the container wrote it: standard output or standard error. */
export function showLine(line: LogLine, withTime: boolean): void {
  const target = line.stream === "stderr" ? process.stderr : process.stdout;
  target.write(withTime ? `${line.at} ${line.text}` : line.text);
}

import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { ContainerState } from "../../src/wire/gen/runtime.v1.ts";
import type { TestDaemon } from "./daemon.ts";
import { containerStatus } from "./pods.ts";

/** What `kubectl logs` asks for. */
export interface LogQuery {
  readonly follow: boolean;
  readonly timestamps: boolean;
  readonly tail: number | undefined;
}

const pieceBytes = 64 << 10;
const pauseMs = 50;

/** A line of a log as the CRI has it; `P` marks a part of a longer one. */
const criLine = /^(\S+) (?:stdout|stderr) ([FP])(?::\S+)* ?(.*)$/s;

/**
 * A container's log as a kubelet serves it (pkg/kubelet/kuberuntime/logs): read from the file that the runtime names and,
 * for one that follows, on through rotations until the container has ended.
 */
export async function* readLog(
  daemon: TestDaemon,
  containerId: string,
  query: LogQuery,
): AsyncGenerator<string> {
  const { logPath } = await containerStatus(daemon, containerId);
  using log = new RotatedFile(logPath);
  const before = shown(log.lines(), query);
  yield query.tail === undefined ? before.join("") : before.slice(-query.tail).join("");
  while (query.follow) {
    // in this order: what was written before it ended, or before another file was there, is read
    const { state } = await containerStatus(daemon, containerId);
    const isBehind = log.isBehind();
    const text = shown(log.lines(), query).join("");
    if (text !== "") yield text;
    if (isBehind) log.reopen();
    else if (state === ContainerState.CONTAINER_EXITED) return;
    else await sleep(pauseMs);
  }
}

function shown(lines: readonly string[], { timestamps }: LogQuery): string[] {
  return lines.map((line) => {
    const [, time, tag, text] = criLine.exec(line) ?? [];
    if (text === undefined) throw new Error(`not a line of a log: ${line}`);
    return `${timestamps ? `${time} ` : ""}${text}${tag === "F" ? "\n" : ""}`;
  });
}

/** A file that another one may take the place of. */
class RotatedFile implements Disposable {
  readonly #path: string;
  #fd: number;
  #rest = "";

  constructor(path: string) {
    this.#path = path;
    this.#fd = openSync(path, "r");
  }

  /** The whole lines that were written since the last call. */
  lines(): string[] {
    const piece = Buffer.alloc(pieceBytes);
    for (let count = readSync(this.#fd, piece); count > 0; count = readSync(this.#fd, piece))
      this.#rest += piece.toString("latin1", 0, count);
    const lines = this.#rest.split("\n");
    this.#rest = lines.pop() ?? "";
    return lines;
  }

  /** True once another file is there: nothing more is written to this one. */
  isBehind(): boolean {
    const there = statSync(this.#path, { throwIfNoEntry: false });
    return there !== undefined && there.ino !== fstatSync(this.#fd).ino;
  }

  reopen(): void {
    closeSync(this.#fd);
    this.#fd = openSync(this.#path, "r");
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

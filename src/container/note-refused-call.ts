import { describeFault } from "../base/fault.ts";
import type { ContainerId } from "../base/ids.ts";
import type { RefusedCall } from "../linux/contract.ts";
import type { ContainerParts } from "./parts.ts";
import { exitedState } from "./state.ts";

/** Notes a refused call, and does with its container what its pod wants. */
export function noteRefusedCall({ metadata, name, pid }: RefusedCall, { book, host }: ContainerParts): void {
  const [action, id] = metadata.split(" ", 2);
  const record = book.records.get((id ?? "") as ContainerId);
  // told late of one that has ended: nothing is to be counted or stopped any more
  if (record === undefined || exitedState(record.state) !== undefined) return;
  const subject = { pod: record.podId, container: record.id };
  const count = book.refusedCalls.count(record.id, name);
  // A program may try again and again: the first time, and then ever more rarely.
  if (Number.isInteger(Math.log2(count)))
    book.log.warn({ ...subject, call: name, count, process: pid }, "a system call was refused");
  if (action !== "stop") return;
  book.refusedCalls.stopAfter(record.id, host.config.container.seccompStopAfter, async () => {
    const killing = AbortSignal.timeout(host.config.deadline.undo);
    await host.runtime.kill(record.id, record.handler, "SIGKILL", true, killing).catch((cause: unknown) => {
      book.log.warn(
        { ...subject, err: describeFault(cause) },
        "it could not be stopped for refused system calls",
      );
    });
  });
}

import { deadlineIn } from "../base/deadline.ts";
import { describeFault } from "../base/fault.ts";
import type { ContainerParts } from "./parts.ts";
import type { ContainerRecord } from "./state.ts";

/**
 * Has the runtime forget a container whose end is recorded, beside whatever comes next: mostly its pod's end, whose plugins take ten
 * times as long. Its removal finds nothing to wait for then, or waits by the container's lock. Never throws: what fails here is the
 * removal's to do, and to tell.
 */
export async function forgetEnded(
  { id, podId, handler }: ContainerRecord,
  { book, host }: ContainerParts,
): Promise<void> {
  try {
    using deadline = deadlineIn(host.config.deadline.undo);
    using _container = await book.locks.hold(id, deadline.signal);
    if (book.records.get(id)?.state.kind !== "exited") return;
    await book.faults.at("ForgetEnded/runtime/before");
    await host.runtime.forgetEnded(id, handler, deadline.signal);
    await book.faults.at("ForgetEnded/runtime/after");
  } catch (error) {
    const err = describeFault(error);
    book.log.debug(
      { pod: podId, container: id, err },
      "a container that has ended is forgotten at its removal",
    );
  }
}

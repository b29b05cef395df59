import type { PullImageProgress, PushImageProgress } from "../../wire/gen/berth.v1.ts";
import type { TransferProgress } from "./progress.ts";
import type { TransferShow } from "./show.ts";

/** Shows what comes after the first step of a transfer, and that. @returns the last step */
export async function followTransfer<Step extends PullImageProgress | PushImageProgress>(
  first: IteratorResult<Step, unknown>,
  steps: AsyncIterator<Step>,
  progress: TransferProgress,
  show: TransferShow,
): Promise<Step | undefined> {
  let last: Step | undefined;
  for (let next: IteratorResult<Step, unknown> = first; !next.done; next = await steps.next()) {
    last = next.value;
    progress.take(last, performance.now());
    show.moved();
  }
  return last;
}

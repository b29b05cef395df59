import { Fault, isFault } from "../base/fault.ts";
import type { Runtime } from "./context.ts";

/** As `steps`; a failure before the first of them is told by `explainMissing`. */
export async function* explainFirst<Step>(
  steps: AsyncIterable<Step>,
  runtime: Runtime,
  call: string,
  hint: string,
): AsyncGenerator<Step, void, undefined> {
  let begun = false;
  try {
    for await (const step of steps) {
      begun = true;
      yield step;
    }
  } catch (error) {
    throw begun ? error : explainMissing(error, runtime, call, hint);
  }
}

/** What a runtime answers to a call that it does not have, in words that help; other errors as they are. */
export function explainMissing(error: unknown, runtime: Runtime, call: string, hint: string): unknown {
  if (!isFault(error, "unimplemented")) return error;
  return new Fault("unimplemented", `the runtime at ${runtime.endpoint} does not have ${call}`, {
    cause: error,
    hint,
  });
}

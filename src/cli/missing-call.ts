import { Fault, isFault } from "../base/fault.ts";
import type { Runtime } from "./context.ts";

/** What a runtime answers to a call that it does not have, in words that help; other errors as they are. */
export function explainMissing(error: unknown, runtime: Runtime, call: string, hint: string): unknown {
  if (!isFault(error, "unimplemented")) return error;
  return new Fault("unimplemented", `the runtime at ${runtime.endpoint} does not have ${call}`, {
    cause: error,
    hint,
  });
}

import { AsyncLocalStorage } from "node:async_hooks";

/** The call of the API that a piece of work was begun by, for the log. */
export interface CurrentCall {
  /** The RPC's name, as in `RunPodSandbox`. */
  readonly operation: string;
  /** Counted from 1 at the daemon's start: ties the log's lines of one call together. */
  readonly call: number;
}

const calls = new AsyncLocalStorage<CurrentCall>();
let count = 0;

/** Does the work of a call. Whatever it begins, and others join, belongs to it. */
export function withinCall<T>(operation: string, work: () => T): T {
  count += 1;
  return calls.run({ operation, call: count }, work);
}

/** The call that the code that asks works for; undefined outside of any. */
export function currentCall(): CurrentCall | undefined {
  return calls.getStore();
}

import { Fault } from "../../base/fault.ts";

/** An RPC that berth does not have yet: says so, whatever is asked. */
export function notImplemented(rpc: string): () => Promise<never> {
  return () => Promise.reject(new Fault("unimplemented", `berth does not implement ${rpc} yet`));
}

/** The same for one that answers with a stream. */
export function notImplementedStream(rpc: string): () => AsyncIterable<never> {
  return () => ({ [Symbol.asyncIterator]: () => ({ next: notImplemented(rpc) }) });
}

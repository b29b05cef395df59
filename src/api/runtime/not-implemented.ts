import { Fault } from "../../base/fault.ts";

/** An RPC that berth does not have yet: says so, whatever is asked. */
export function notImplemented(rpc: string): () => Promise<never> {
  return () => Promise.reject(new Fault("unimplemented", `berth does not implement ${rpc} yet`));
}

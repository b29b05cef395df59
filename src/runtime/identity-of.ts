import { Fault } from "../base/fault.ts";
import { type ProcessStart, processIdentity } from "../linux/process-identity.ts";
import type { ProcessIdentity } from "./contract.ts";

/** Of a process that was just started. @throws {Fault} internal when it is gone */
export function identityOf(pid: number | undefined, what: string): ProcessIdentity {
  const found: ProcessStart | undefined = pid === undefined ? undefined : processIdentity(pid);
  if (found === undefined) throw new Fault("internal", `${what} ended as soon as it was created`);
  return { pid: found.pid, startTicks: found.startTicks };
}

import type { Duplex, Readable, Writable } from "node:stream";
import { describeFault } from "../base/fault.ts";
import type { PodSandboxId } from "../base/ids.ts";
import type { StreamTargets } from "./contract.ts";
import { passOn } from "./pass-on.ts";

/** A client's side of one forwarded connection. */
export interface ClientEnd {
  readonly port: number;
  readonly sent: Readable;
  readonly answer: Writable;
}

/**
 * Connects to a port of a pod and passes on what comes from either side, each direction to its end.
 *
 * @returns what went wrong, for the client; undefined when all was passed on, or one side broke the connection off
 */
export async function joinPort(
  { port, sent, answer }: ClientEnd,
  id: PodSandboxId,
  targets: Pick<StreamTargets, "connect">,
): Promise<string | undefined> {
  let connection: Duplex | undefined;
  try {
    connection = await targets.connect(id, port);
    await Promise.all([passOn(sent, connection, { end: true }), passOn(connection, answer, { end: true })]);
    return undefined;
  } catch (failure) {
    connection?.destroy();
    // a connection that one side breaks off is no failure of the forwarding
    const broken = (failure as NodeJS.ErrnoException).code;
    const isBroken = broken === "ECONNRESET" || broken === "EPIPE" || broken === "ERR_STREAM_PREMATURE_CLOSE";
    return isBroken ? undefined : `forwarding port ${port}: ${describeFault(failure)}`;
  }
}

import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Logger } from "pino";
import type { Config } from "../config/schema.ts";
import type { StreamedCall, StreamTargets } from "./contract.ts";

/** A client's wish to change protocols, with what its ticket stands for. */
export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly call: StreamedCall;
}

/** What a connection works with. */
export interface StreamParts {
  readonly targets: StreamTargets;
  readonly log: Logger;
  readonly settings: Pick<Config["streaming"], "idleTimeout" | "creationTimeout">;
}

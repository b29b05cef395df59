import { BerthService } from "../gen/berth.v1.ts";
import { ImageServiceService, RuntimeServiceService } from "../gen/runtime.v1.ts";
import { connect } from "./client.ts";
import type { Calls } from "./method.ts";

/** The calls of a container runtime, and berth's own. */
export interface CriClient extends Disposable {
  readonly endpoint: string;
  readonly runtime: Calls<typeof RuntimeServiceService>;
  readonly images: Calls<typeof ImageServiceService>;
  /** Answers `unimplemented` when the runtime is not berth. */
  readonly berth: Calls<typeof BerthService>;
}

/**
 * A client for the runtime behind a unix socket (a path, or `unix://…`). Nothing is sent before the first call. Every
 * call fails with a Fault: the server's kind and words, or `unavailable` and `forbidden` when there is no connection.
 *
 * @throws {Fault} invalid for an address of another kind
 */
export function connectCri(endpoint: string): CriClient {
  const connection = connect(endpoint);
  return {
    endpoint: connection.endpoint,
    runtime: connection.calls(RuntimeServiceService),
    images: connection.calls(ImageServiceService),
    berth: connection.calls(BerthService),
    [Symbol.dispose]: () => connection.close(),
  };
}

import { loadConfig } from "../config/load.ts";
import { ImageServiceService, RuntimeServiceService } from "../wire/gen/runtime.v1.ts";
import { connect } from "../wire/grpc/client.ts";
import type { Runtime } from "./context.ts";

/** The options that say which runtime is meant. */
export interface ConnectionOptions {
  readonly endpoint?: string;
  readonly config?: string;
}

/** Connects to the runtime at `--endpoint`, or to the berth that the configuration describes. */
export function connectTo(options: ConnectionOptions): Runtime {
  const endpoint = options.endpoint ?? loadConfig({ config: options.config }).config.grpc.socket;
  const connection = connect(endpoint);
  return {
    ...connection,
    pods: connection.calls(RuntimeServiceService),
    images: connection.calls(ImageServiceService),
  };
}

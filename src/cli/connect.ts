import { loadConfig } from "../config/load.ts";
import { ImageServiceService, RuntimeServiceService } from "../wire/gen/runtime.v1.ts";
import { connect } from "../wire/grpc/client.ts";
import type { Runtime } from "./context.ts";

/** The options that say which runtime is meant. */
export interface ConnectionOptions {
  readonly endpoint?: string;
  /** crictl's name of it. */
  readonly runtimeEndpoint?: string;
  readonly config?: string;
}

/** Connects to the runtime that is meant; nothing is sent yet. */
export function connectTo(options: ConnectionOptions): Runtime {
  const connection = connect(endpointOf(options, process.env));
  return {
    ...connection,
    pods: connection.calls(RuntimeServiceService),
    images: connection.calls(ImageServiceService),
  };
}

/**
 * `--endpoint`, else the socket of the berth that `--config` describes, else `BERTH_ENDPOINT`, else
 * `CONTAINER_RUNTIME_ENDPOINT` (crictl's) if no variable says which berth is meant, else the configured socket.
 */
export function endpointOf(options: ConnectionOptions, env: NodeJS.ProcessEnv): string {
  const { config, endpoint = options.runtimeEndpoint } = options;
  if (endpoint !== undefined) return endpoint;
  if (config === undefined) {
    if (env.BERTH_ENDPOINT) return env.BERTH_ENDPOINT;
    const namesBerth = env.BERTH_CONFIG || env.BERTH_STATE || env.BERTH_SOCKET;
    if (!namesBerth && env.CONTAINER_RUNTIME_ENDPOINT) return env.CONTAINER_RUNTIME_ENDPOINT;
  }
  return loadConfig({ config }, env).config.grpc.socket;
}

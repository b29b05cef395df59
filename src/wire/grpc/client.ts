import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { Fault } from "../../base/fault.ts";
import type { Bytes } from "../../base/units.ts";
import { faultOfAnswer } from "./fault-of-answer.ts";
import type { CallOptions, Calls, MethodDefinition, ServiceDefinition } from "./method.ts";

/** A connection to a daemon, over which several services are called. */
export interface Connection {
  readonly endpoint: string;
  /** The calls of one service. */
  calls<Service extends ServiceDefinition>(service: Service): Calls<Service>;
  close(): void;
}

const defaultMaxMessage: Bytes = 64 << 20;
const receiveWindow: Bytes = 4 << 20;

/**
 * Connects to a unix socket, by path or `unix://` address. Nothing is sent before the first call; a daemon that is
 * not there shows then.
 *
 * @throws {Fault} invalid for an address of another kind
 */
export function connect(endpoint: string, maxMessage: Bytes = defaultMaxMessage): Connection {
  const socket = socketOf(endpoint);
  const client = new Client(`unix:${socket}`, credentials.createInsecure(), {
    "grpc.default_authority": "localhost",
    "grpc.max_receive_message_length": maxMessage,
    "grpc.max_send_message_length": maxMessage,
    "grpc.enable_channelz": 0,
    "grpc.enable_retries": 0,
    "grpc-node.flow_control_window": receiveWindow,
  });
  return {
    endpoint: `unix://${socket}`,
    calls: <Service extends ServiceDefinition>(service: Service) =>
      Object.fromEntries(
        Object.entries(service).map(([name, method]) => [
          name,
          method.responseStream ? streamCall(client, socket, method) : unaryCall(client, socket, method),
        ]),
      ) as Calls<Service>,
    close: () => client.close(),
  };
}

function socketOf(endpoint: string): string {
  const path = endpoint.replace(/^unix:(?:\/\/)?/, "");
  if (path.startsWith("/")) return path;
  throw new Fault("invalid", `cannot connect to "${endpoint}"`, {
    hint: "give an absolute path or a unix:// address",
  });
}

function unaryCall<Request, Response>(
  client: Client,
  socket: string,
  method: MethodDefinition<Request, Response>,
): (request: Partial<Request>, options?: CallOptions) => Promise<Response> {
  return (request, options = {}) =>
    new Promise((resolve, reject) => {
      const call = client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        wholeRequest(method, request),
        new Metadata(),
        grpcOptions(options),
        (error: ServiceError | null, response?: Response) => {
          options.signal?.removeEventListener("abort", cancel);
          if (error !== null) reject(faultOfAnswer(error, socket));
          else resolve(response as Response);
        },
      );
      const cancel = () => call.cancel();
      whenAborted(options.signal, cancel);
    });
}

function streamCall<Request, Response>(
  client: Client,
  socket: string,
  method: MethodDefinition<Request, Response>,
): (request: Partial<Request>, options?: CallOptions) => AsyncIterable<Response> {
  return async function* (request, options = {}) {
    const stream = client.makeServerStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      wholeRequest(method, request),
      new Metadata(),
      grpcOptions(options),
    );
    const cancel = () => stream.cancel();
    whenAborted(options.signal, cancel);
    try {
      yield* stream as AsyncIterable<Response>;
    } catch (error) {
      throw faultOfAnswer(error, socket);
    } finally {
      options.signal?.removeEventListener("abort", cancel);
      stream.cancel();
    }
  };
}

function whenAborted(signal: AbortSignal | undefined, cancel: () => void): void {
  if (signal?.aborted === true) cancel();
  else signal?.addEventListener("abort", cancel, { once: true });
}

function grpcOptions(options: CallOptions): { deadline?: number } {
  return options.timeout === undefined ? {} : { deadline: Date.now() + options.timeout };
}

/** An empty message decodes to the defaults of all fields. */
function wholeRequest<Request, Response>(
  method: MethodDefinition<Request, Response>,
  request: Partial<Request>,
): Request {
  return { ...method.requestDeserialize(Buffer.alloc(0)), ...request };
}

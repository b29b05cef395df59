import { rm } from "node:fs/promises";
import type { Socket } from "node:net";
import { type ConnectionInjector, Server, ServerCredentials } from "@grpc/grpc-js";
import { during, Fault } from "../../base/fault.ts";
import type { Bytes, Ms } from "../../base/units.ts";
import { bindingPath, checkFree, clearBinding, groupId, publishSocket } from "../unix-socket.ts";
import { type CallEdge, serve } from "./handle-call.ts";
import type { Handlers, ServiceDefinition } from "./method.ts";

export interface GrpcServerOptions {
  /** Absolute path of the unix socket. */
  readonly socket: string;
  /** Name of the group that may use it beside its owner; "" or unknown: the daemon's own. */
  readonly group: string;
  /** Larger messages, in either direction, are refused. */
  readonly maxMessage: Bytes;
}

/** Services on a unix socket. */
export interface GrpcServer {
  /** Adds a service; only before `listen`. */
  add<Service extends ServiceDefinition>(service: Service, handlers: Handlers<Service>, edge: CallEdge): void;
  /**
   * Answers calls from now on. A stale socket is taken over.
   * @returns what was not as configured, for the log; undefined when all was
   * @throws {Fault} alreadyExists when another server answers there; invalid, internal
   */
  listen(): Promise<string | undefined>;
  /** Answers the calls of a connection that somebody else accepted and has read nothing of, or put that back. */
  adopt(connection: Socket): void;
  /** Takes no new calls, ends streams, waits `grace` for the other calls, then ends them too. */
  stop(grace: Ms): Promise<void>;
}

/** A server that does not listen yet. */
export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  const server = new Server({
    "grpc.max_receive_message_length": options.maxMessage,
    "grpc.max_send_message_length": options.maxMessage,
    "grpc.enable_channelz": 0,
  });
  const stopping = new AbortController();
  let published = false;
  let injector: ConnectionInjector | undefined;
  return {
    add: (service, handlers, edge) => serve(server, service, handlers, edge, stopping.signal),
    async listen() {
      const { socket, group } = options;
      await checkFree(socket, "grpc.socket");
      await clearBinding(socket);
      await bind(server, bindingPath(socket));
      const gid = group === "" ? undefined : await groupId(group);
      await publishSocket(socket, gid ?? process.getgid?.() ?? 0).catch((error) => {
        server.forceShutdown();
        throw during(`setting owner and mode of ${socket}`, error);
      });
      published = true;
      return group !== "" && gid === undefined
        ? `grpc.group: there is no group "${group}": only root may use ${socket}`
        : undefined;
    },
    adopt(connection) {
      injector ??= server.createConnectionInjector(ServerCredentials.createInsecure());
      injector.injectConnection(connection);
    },
    async stop(grace) {
      stopping.abort(new Fault("unavailable", "the daemon is stopping"));
      // The name goes first: who comes now shall see that nobody answers, not wait for one that leaves.
      if (published) await rm(options.socket, { force: true });
      const calm = Promise.withResolvers<void>();
      const timer = setTimeout(() => server.forceShutdown(), grace);
      server.tryShutdown(() => calm.resolve());
      await calm.promise;
      clearTimeout(timer);
    },
  };
}

function bind(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve();
      else reject(during(`binding ${path}`, error));
    });
  });
}

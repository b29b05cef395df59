import { existsSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { Logger } from "pino";
import { Fault } from "../../base/fault.ts";
import type { ContainerId } from "../../base/ids.ts";
import type { Paths } from "../../config/paths.ts";
import { type Envelope, EventsService, TaskEvent } from "../../wire/gen/shim-events.v1.ts";
import { listenOnSocket } from "../../wire/listen.ts";
import { serveTtrpc, ttrpcService } from "../../wire/ttrpc/server.ts";

/**
 * Takes what shims tell, until disposed of. Exits are asked for, as an event may be lost with the daemon that it was for; that a
 * container ran out of memory is noted where conmon would. A shim that nobody listens to holds its events back, and waits for
 * that when it ends.
 *
 * @throws {Fault} alreadyExists when another daemon listens there; invalid, unavailable
 */
export async function serveShimEvents(paths: Paths, log: Logger): Promise<AsyncDisposable> {
  const stopping = new AbortController();
  const server = createServer();
  const service = ttrpcService(EventsService, {
    async forward({ envelope }) {
      if (envelope === undefined) throw new Fault("invalid", "envelope: missing");
      take(envelope, paths, log);
      return {};
    },
  });
  serveTtrpc(server, service, stopping.signal);
  await listenOnSocket(server, paths.shimEvents, "grpc.socket", "");
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      server.close();
      await rm(paths.shimEvents, { force: true });
    },
  };
}

function take({ topic, event }: Envelope, paths: Paths, log: Logger): void {
  const container = event === undefined ? "" : TaskEvent.decode(event.value).containerId;
  log.debug({ container, topic }, "a shim's event");
  if (topic !== "/tasks/oom" || !/^[0-9a-f]{64}$/.test(container)) return;
  const { bundle, oomFile } = paths.container(container as ContainerId);
  if (existsSync(bundle)) writeFileSync(oomFile, "", { mode: 0o600 });
}

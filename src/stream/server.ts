import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { describeFault, Fault } from "../base/fault.ts";
import type { Config } from "../config/schema.ts";
import type { StreamedCall, StreamServer } from "./contract.ts";
import { openListener } from "./listener.ts";
import { Tickets } from "./tickets.ts";
import type { StreamParts, Upgrade } from "./upgrade.ts";

/** Connections beside those that are served: on their way to be, or of somebody without a ticket. */
const mostWaiting = 200;

/**
 * Serves exec, attach and port-forward to clients that the kubelet sends here, over SPDY and WebSocket. Who knows a URL
 * may use it, once: nothing else is asked.
 *
 * @param root where a certificate of the daemon's own is kept, below `streams`
 * @throws {Fault} unavailable when the address can't be had
 */
export async function openStreamServer(
  settings: Config["streaming"],
  root: string,
  parts: Pick<StreamParts, "targets" | "log">,
): Promise<StreamServer & AsyncDisposable> {
  const { maxStreams, maxPending } = settings;
  const tickets = new Tickets(maxPending);
  const { server, base, certificate } = await openListener(settings, root, parts.log);
  server.maxConnections = maxStreams + mostWaiting;
  const connections = new Set<Duplex>();
  server.on("connection", (socket) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
  });
  let open = 0;
  server.on("upgrade", async (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => socket.destroy());
    const call = tickets.redeem(ticketOf(request));
    if (call === undefined) return refuse(socket, "404 Not Found", "no such stream, or it was used already");
    if (open >= maxStreams) return refuse(socket, "503 Service Unavailable", tooMany(maxStreams));
    open++;
    socket.once("close", () => open--);
    await serve({ request, socket, head, call }, { ...parts, settings });
  });
  return {
    urlFor(call) {
      if (open >= maxStreams) {
        throw new Fault("exhausted", tooMany(maxStreams), {
          hint: "end some; streaming.maxStreams is how many may be open",
        });
      }
      certificate?.renew();
      return `${base}/${pathOf(call)}/${tickets.issue(call)}`;
    },
    problem: () => certificate?.problem(),
    async [Symbol.asyncDispose]() {
      for (const socket of connections) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function tooMany(most: number): string {
  return `${most} streams are open, and no more may be`;
}

function refuse(socket: Duplex, status: string, why: string): void {
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain\r\n` +
      `Content-Length: ${why.length + 1}\r\n\r\n${why}\n`,
  );
}

function pathOf({ kind }: StreamedCall): string {
  return kind === "portForward" ? "portforward" : kind;
}

function ticketOf({ url }: IncomingMessage): string {
  return /^\/[a-z]+\/([\w-]+)(?:\?.*)?$/.exec(url ?? "")?.[1] ?? "";
}

async function serve(upgrade: Upgrade, parts: StreamParts): Promise<void> {
  const { request, socket, call } = upgrade;
  const began = performance.now();
  const subject = { [call.kind === "portForward" ? "pod" : "container"]: call.id };
  parts.log.debug(subject, "%s: a client is connected", call.kind);
  endWhenIdle(request, parts, () => parts.log.info(subject, "%s: ended, as nothing came or went", call.kind));
  try {
    const isWebSocket = request.headers.upgrade?.toLowerCase() === "websocket";
    // loaded when they are needed: many nodes never see the one or the other
    if (isWebSocket) await (await import("./serve-websocket.ts")).serveWebSocket(upgrade, parts);
    else await (await import("./serve-spdy.ts")).serveSpdy(upgrade, parts);
  } catch (error) {
    parts.log.warn({ ...subject, err: describeFault(error) }, "%s: the stream failed", call.kind);
    socket.destroy();
  }
  parts.log.debug(
    { ...subject, ms: Math.round(performance.now() - began) },
    "%s: the stream is over",
    call.kind,
  );
}

/** What counts is any byte in either direction, a ping's as well. */
function endWhenIdle({ socket }: IncomingMessage, { settings }: StreamParts, tell: () => void): void {
  socket.setTimeout(settings.idleTimeout); // none where that is 0
  socket.on("timeout", () => {
    tell();
    socket.destroy();
  });
}

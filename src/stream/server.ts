import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { describeFault, Fault } from "../base/fault.ts";
import { parseListenAddress } from "../config/listen-address.ts";
import type { StreamedCall, StreamServer } from "./contract.ts";
import { Tickets } from "./tickets.ts";
import type { StreamParts, Upgrade } from "./upgrade.ts";

/** Beside the requests that wait for their connection, so many are served at once. */
const mostConnections = 2000;

/**
 * Serves exec, attach and port-forward to clients that the kubelet sends here, over SPDY and WebSocket. Who knows a URL
 * may use it, once: nothing else is asked.
 *
 * @param address as `streaming.address` has it
 * @throws {Fault} unavailable when the address can't be had
 */
export async function openStreamServer(
  address: string,
  parts: StreamParts,
): Promise<StreamServer & AsyncDisposable> {
  const tickets = new Tickets();
  const server = createServer((_request, response) => {
    response.writeHead(400, { "content-type": "text/plain" });
    response.end("this address speaks SPDY/3.1 and WebSocket alone\n");
  });
  server.maxConnections = mostConnections;
  const connections = new Set<Duplex>();
  server.on("connection", (socket) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
  });
  server.on("upgrade", (request, socket, head) => {
    const call = tickets.redeem(ticketOf(request));
    if (call === undefined) {
      socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    void serve({ request, socket, head, call }, parts);
  });
  const { address: host, port, family } = await listen(server, address);
  const base = `http://${family === "IPv6" ? `[${host}]` : host}:${port}`;
  return {
    urlFor: (call) => `${base}/${pathOf(call)}/${tickets.issue(call)}`,
    async [Symbol.asyncDispose]() {
      for (const socket of connections) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function pathOf({ kind }: StreamedCall): string {
  return kind === "portForward" ? "portforward" : kind;
}

function ticketOf({ url }: IncomingMessage): string {
  return /^\/[a-z]+\/([\w-]+)(?:\?.*)?$/.exec(url ?? "")?.[1] ?? "";
}

async function serve(upgrade: Upgrade, parts: StreamParts): Promise<void> {
  const { request, socket, call } = upgrade;
  socket.on("error", () => socket.destroy());
  const began = performance.now();
  const subject = { [call.kind === "portForward" ? "pod" : "container"]: call.id };
  parts.log.debug(subject, "%s: a client is connected", call.kind);
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

async function listen(server: Server, address: string): Promise<AddressInfo> {
  const at = parseListenAddress(address);
  if (typeof at === "string" || "socket" in at) throw new Fault("invalid", `streaming.address: ${address}`);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(at.port, at.host, () => {
        server.off("error", reject);
        resolve();
      });
    });
  } catch (error) {
    throw new Fault("unavailable", `serving streams on ${address}`, {
      cause: error,
      hint: "set streaming.address to an address of this node and a port that is free",
    });
  }
  return server.address() as AddressInfo;
}

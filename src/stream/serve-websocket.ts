import type { Duplex } from "node:stream";
import { createWebSocketStream, type WebSocket, WebSocketServer } from "ws";
import type { Bytes } from "../base/units.ts";
import { callTarget } from "./call-target.ts";
import type { StreamedCall } from "./contract.ts";
import { forwardPorts } from "./port-forward.ts";
import { runProcess } from "./run-process.ts";
import type { StreamParts, Upgrade } from "./upgrade.ts";
import { commandProtocols, webSocketChannels } from "./websocket-channels.ts";
import { forwardNamedPorts, portProtocols } from "./websocket-port-forward.ts";

/** Port forwarding as SPDY's frames in binary messages (KEP 4006), under its name and the one that it had first. */
const tunnelProtocols: readonly string[] = ["SPDY/3.1+portforward.k8s.io", "v2.portforward.k8s.io"];
/** Clients send at most 32 kB of input at once. */
const mostMessage: Bytes = 1 << 20;

/** Changes the connection to a WebSocket in a protocol that both know, and serves the call on it. */
export async function serveWebSocket(upgrade: Upgrade, parts: StreamParts): Promise<void> {
  const { request, socket, call } = upgrade;
  const known = protocolsFor(call);
  const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((one) => one.trim());
  const protocol = known.find((one) => offered.includes(one));
  if (protocol === undefined) {
    refuse(socket, known);
    return;
  }
  const client = await shakeHands(upgrade, protocol);
  if (client === undefined) return;
  client.on("error", () => client.terminate()); // what is no WebSocket
  request.socket.setTimeout(parts.settings.idleTimeout); // which the library has taken away
  if (call.kind !== "portForward") {
    await runProcess(callTarget(call, parts.targets), webSocketChannels(client, call, protocol));
  } else if (tunnelProtocols.includes(protocol)) {
    await forwardPorts(createWebSocketStream(client), call.id, parts);
  } else {
    await forwardNamedPorts(client, call, protocol, parts.targets);
  }
}

function protocolsFor(call: StreamedCall): readonly string[] {
  if (call.kind !== "portForward") return commandProtocols;
  // without its ports, there is nothing that channels could be counted by
  return call.ports.length === 0 ? tunnelProtocols : [...tunnelProtocols, ...portProtocols];
}

function refuse(socket: Duplex, known: readonly string[]): void {
  const why = `of the protocols that were offered, none is known here: ${known.filter(Boolean).join(", ")}\n`;
  socket.end(
    "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Type: text/plain\r\n" +
      `Content-Length: ${why.length}\r\n\r\n${why}`,
  );
}

/** Undefined when the client's handshake is no good; it is told. */
async function shakeHands(
  { request, socket, head }: Upgrade,
  protocol: string,
): Promise<WebSocket | undefined> {
  const server = new WebSocketServer({ noServer: true, maxPayload: mostMessage, perMessageDeflate: false });
  // agreed on before: the library refuses the tunnel's name, which is no token (RFC 6455, section 4.1) for its slash
  delete request.headers["sec-websocket-protocol"];
  if (protocol !== "") server.on("headers", (lines) => lines.push(`Sec-WebSocket-Protocol: ${protocol}`));
  return await new Promise<WebSocket | undefined>((resolve) => {
    socket.once("close", () => resolve(undefined));
    server.handleUpgrade(request, socket, head, resolve);
  });
}

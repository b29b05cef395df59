import { createWebSocketStream, type WebSocket, WebSocketServer } from "ws";
import type { Bytes } from "../base/units.ts";
import { callTarget } from "./call-target.ts";
import { forwardPorts } from "./port-forward.ts";
import { runProcess } from "./run-process.ts";
import type { StreamParts, Upgrade } from "./upgrade.ts";
import { webSocketChannels, webSocketProtocols } from "./websocket-channels.ts";

/** Port forwarding over WebSocket is SPDY's frames in binary messages (KEP 4006). */
const tunnelProtocol = "SPDY/3.1+portforward.k8s.io";
/** Clients send at most 32 kB of input at once. */
const mostMessage: Bytes = 1 << 20;

/** Changes the connection to a WebSocket in a protocol that both know, and serves the call on it. */
export async function serveWebSocket(
  { request, socket, head, call }: Upgrade,
  parts: StreamParts,
): Promise<void> {
  const known: readonly string[] = call.kind === "portForward" ? [tunnelProtocol] : webSocketProtocols;
  const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((one) => one.trim());
  const protocol = known.find((one) => offered.includes(one));
  if (protocol === undefined) {
    socket.end("HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    return;
  }
  const server = new WebSocketServer({ noServer: true, maxPayload: mostMessage, perMessageDeflate: false });
  // agreed on here: the library refuses the tunnel's name, which is no token (RFC 6455, section 4.1) for its slash
  delete request.headers["sec-websocket-protocol"];
  if (protocol !== "") server.on("headers", (lines) => lines.push(`Sec-WebSocket-Protocol: ${protocol}`));
  const client = await new Promise<WebSocket | undefined>((resolve) => {
    socket.once("close", () => resolve(undefined)); // the handshake was refused
    server.handleUpgrade(request, socket, head, resolve);
  });
  if (client === undefined) return;
  request.socket.setTimeout(parts.settings.idleTimeout); // which the library has taken away
  if (call.kind === "portForward") {
    await forwardPorts(createWebSocketStream(client), call.id, parts);
    return;
  }
  await runProcess(callTarget(call, parts.targets), webSocketChannels(client, call, protocol));
}

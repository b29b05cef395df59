import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "../base/fault.ts";
import { SpdySession, type SpdyStream } from "../wire/spdy/session.ts";
import { callTarget } from "./call-target.ts";
import type { StreamedCall } from "./contract.ts";
import { forwardPorts } from "./port-forward.ts";
import { runProcess } from "./run-process.ts";
import { expectedStreams, spdyChannels } from "./spdy-channels.ts";
import type { StreamParts, Upgrade } from "./upgrade.ts";

const commandProtocols = ["v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io"];
const forwardProtocols = ["portforward.k8s.io"];
/** Few are ever open at a time for one command. */
const mostStreams = 16;

/** Changes the connection to SPDY/3.1 in a protocol that both know, and serves the call on it. */
export async function serveSpdy({ request, socket, head, call }: Upgrade, parts: StreamParts): Promise<void> {
  const known = call.kind === "portForward" ? forwardProtocols : commandProtocols;
  const offered = offeredProtocols(request.headersDistinct["x-stream-protocol-version"] ?? []);
  // the first clients knew of no versions
  const protocol = offered.length === 0 ? known.at(-1) : known.find((one) => offered.includes(one));
  if (request.headers.upgrade?.toLowerCase() !== "spdy/3.1" || protocol === undefined) {
    refuse(socket, known);
    return;
  }
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n" +
      `X-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
  );
  if (head.length > 0) socket.unshift(head);
  if (call.kind === "portForward") await forwardPorts(socket, call.id, parts);
  else await serveCommand(socket, call, protocol, parts);
}

function offeredProtocols(values: readonly string[]): string[] {
  return values.flatMap((value) => value.split(",")).map((value) => value.trim());
}

function refuse(socket: Duplex, known: readonly string[]): void {
  const accepted = known.map((one) => `X-Accepted-Stream-Protocol-Versions: ${one}\r\n`).join("");
  socket.end(`HTTP/1.1 403 Forbidden\r\nConnection: close\r\n${accepted}Content-Length: 0\r\n\r\n`);
}

async function serveCommand(
  socket: Duplex,
  call: Exclude<StreamedCall, { kind: "portForward" }>,
  protocol: string,
  parts: StreamParts,
): Promise<void> {
  const expected = expectedStreams(call, protocol);
  const streams = new Map<string, SpdyStream>();
  const complete = Promise.withResolvers<true>();
  const session = new SpdySession(socket, {
    side: "server",
    mostStreams,
    onStream(stream) {
      const type = stream.headers.get("streamtype") ?? "";
      if (!expected.has(type) || streams.has(type)) {
        stream.destroy();
        return;
      }
      streams.set(type, stream);
      if (streams.size === expected.size) complete.resolve(true);
    },
  });
  const patience = sleep(parts.settings.creationTimeout, undefined, { ref: false });
  if (await Promise.race([complete.promise, patience, session.closed])) {
    await runProcess(callTarget(call, parts.targets), spdyChannels(session, streams, protocol));
    return;
  }
  session.destroy();
  const missing = [...expected].filter((type) => !streams.has(type));
  throw new Fault("deadline", `the client did not open its streams ${missing.join(", ")}`);
}

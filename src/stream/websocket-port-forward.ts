import { PassThrough } from "node:stream";
import type { WebSocket } from "ws";
import type { StreamedCall, StreamTargets } from "./contract.ts";
import { joinPort } from "./join-port.ts";
import { WebSocketMessages } from "./websocket-messages.ts";

/** The protocols of a client that has named its ports with its call: two channels a port (Kubernetes: V4Options). */
export const portProtocols = ["v4.channel.k8s.io", "v4.base64.channel.k8s.io", ""] as const;

const normalEnd = 1000;

/**
 * Forwards one connection to each port of the call: its channel of data is twice its place among them, that of errors one
 * more, and the first message on both is the port. Settles when all of them are over, or the client is gone; this protocol
 * has no end of one direction.
 */
export async function forwardNamedPorts(
  socket: WebSocket,
  { id, ports }: Extract<StreamedCall, { kind: "portForward" }>,
  protocol: string,
  targets: Pick<StreamTargets, "connect">,
): Promise<void> {
  const messages = new WebSocketMessages(socket, protocol);
  const sent = ports.map(() => new PassThrough());
  messages.onMessage((channel, payload) => {
    const to = channel % 2 === 0 ? sent[channel / 2] : undefined;
    if (to !== undefined) messages.pass(payload, to);
  });
  socket.on("close", () => {
    for (const stream of sent) stream.destroy();
  });
  const forwarded = ports.map(async (port, at) => {
    const name = Buffer.alloc(2);
    name.writeUInt16LE(port);
    const [data, errors] = [2 * at, 2 * at + 1];
    void messages.send(data, name);
    void messages.send(errors, name);
    const client = { port, sent: sent[at] ?? new PassThrough(), answer: messages.output(data) };
    const problem = await joinPort(client, id, targets);
    if (problem !== undefined) await messages.send(errors, Buffer.from(problem));
  });
  await Promise.all(forwarded);
  socket.close(normalEnd);
}

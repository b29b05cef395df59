import { PassThrough } from "node:stream";
import type { WebSocket } from "ws";
import type { WantedStreams } from "../runtime/contract.ts";
import { type Channels, parseTerminalSize, Sizes } from "./channels.ts";
import { type Outcome, statusOf, wordsOf } from "./outcome.ts";
import { WebSocketMessages } from "./websocket-messages.ts";

/** The channels of a command (Kubernetes: v5.channel.k8s.io and those before it). `close` ends another one. */
const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

/** The protocols of commands over WebSocket, the best first; "" is that of a client that names none. */
export const commandProtocols = [
  "v5.channel.k8s.io",
  "v4.channel.k8s.io",
  "v4.base64.channel.k8s.io",
  "base64.channel.k8s.io",
  "channel.k8s.io",
  "",
] as const;

/** "Going away" and the like say nothing to these clients; 1000 is a normal end (RFC 6455, section 7.4.1). */
const normalEnd = 1000;

/** The channels of a command over WebSocket. */
export function webSocketChannels(socket: WebSocket, wanted: WantedStreams, protocol: string): Channels {
  const gone = new AbortController();
  const messages = new WebSocketMessages(socket, protocol);
  const sizes = new Sizes();
  const stdin = wanted.stdin ? new PassThrough() : undefined;
  socket.on("close", () => {
    gone.abort();
    stdin?.destroy();
  });
  messages.onMessage((to, payload) => {
    if (to === channel.stdin && stdin !== undefined) messages.pass(payload, stdin);
    else if (to === channel.resize) sizes.add(parseTerminalSize(payload.toString("utf8")));
    else if (to === channel.close && payload[0] === channel.stdin) stdin?.end();
  });
  // old clients wait for a first message
  void messages.send(wanted.stdout ? channel.stdout : channel.error, Buffer.alloc(0));
  return {
    stdin,
    stdout: wanted.stdout ? messages.output(channel.stdout) : undefined,
    stderr: wanted.stderr && !wanted.tty ? messages.output(channel.stderr) : undefined,
    onResize: (take) => sizes.onResize(take),
    gone: gone.signal,
    async finish(outcome: Outcome) {
      const speaksStatus = protocol.startsWith("v5.") || protocol.startsWith("v4.");
      const text = speaksStatus ? statusOf(outcome) : wordsOf(outcome);
      if (text !== "") await messages.send(channel.error, Buffer.from(text));
      socket.close(normalEnd);
    },
  };
}

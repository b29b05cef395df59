import { PassThrough, Writable } from "node:stream";
import type { WebSocket } from "ws";
import type { Bytes } from "../base/units.ts";
import type { WantedStreams } from "../runtime/contract.ts";
import { type Channels, parseTerminalSize, Sizes } from "./channels.ts";
import { type Outcome, statusOf, wordsOf } from "./outcome.ts";

/** The channel that a message belongs to is its first byte (Kubernetes: v5.channel.k8s.io and those before it). */
const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

/** The protocols of commands over WebSocket, the best first; "" is that of a client that names none. */
export const webSocketProtocols = [
  "v5.channel.k8s.io",
  "v4.channel.k8s.io",
  "v4.base64.channel.k8s.io",
  "base64.channel.k8s.io",
  "channel.k8s.io",
  "",
] as const;

/** What may wait for a slow client before the process is held up. */
const mostUnsent: Bytes = 256 << 10;
/** "Going away" and the like say nothing to these clients; 1000 is a normal end (RFC 6455, section 7.4.1). */
const normalEnd = 1000;

/** The channels of a command over WebSocket. */
export function webSocketChannels(socket: WebSocket, wanted: WantedStreams, protocol: string): Channels {
  const gone = new AbortController();
  socket.on("close", () => gone.abort());
  socket.on("error", () => socket.terminate());
  const sender = new Sender(socket, protocol.includes("base64."));
  const sizes = new Sizes();
  const stdin = wanted.stdin ? new PassThrough() : undefined;
  socket.on("message", (data: Buffer, isBinary: boolean) => {
    const [to, payload] = isBinary ? [data[0], data.subarray(1)] : textMessage(data);
    if (to === channel.stdin) writeOrPause(stdin, payload, socket);
    else if (to === channel.resize) sizes.add(parseTerminalSize(payload.toString("utf8")));
    else if (to === channel.close && payload[0] === channel.stdin) stdin?.end();
  });
  stdin?.on("drain", () => socket.resume());
  stdin?.once("close", () => socket.resume()); // what still comes is dropped
  socket.on("close", () => stdin?.destroy());
  sender.send(wanted.stdout ? channel.stdout : channel.error, Buffer.alloc(0)); // old clients wait for a first message
  const output = (isWanted: boolean, number: number) => (isWanted ? sender.stream(number) : undefined);
  return {
    stdin,
    stdout: output(wanted.stdout, channel.stdout),
    stderr: output(wanted.stderr && !wanted.tty, channel.stderr),
    onResize: (take) => sizes.onResize(take),
    gone: gone.signal,
    async finish(outcome: Outcome) {
      const speaksStatus = protocol.startsWith("v5.") || protocol.startsWith("v4.");
      const text = speaksStatus ? statusOf(outcome) : wordsOf(outcome);
      if (text !== "") await sender.send(channel.error, Buffer.from(text));
      socket.close(normalEnd);
    },
  };
}

/** Base64 behind the channel as a digit. */
function textMessage(data: Buffer): [number, Buffer] {
  const text = data.toString("latin1");
  return [Number(text[0]), Buffer.from(text.slice(1), "base64")];
}

/** What the process has not taken yet must not fill memory. */
function writeOrPause(stdin: PassThrough | undefined, payload: Buffer, socket: WebSocket): void {
  if (stdin === undefined || stdin.destroyed || stdin.writableEnded) return;
  if (!stdin.write(payload)) socket.pause();
}

class Sender {
  readonly #socket: WebSocket;
  readonly #base64: boolean;

  constructor(socket: WebSocket, base64: boolean) {
    this.#socket = socket;
    this.#base64 = base64;
  }

  /** Settles when it is handed to the kernel, or can't be. */
  send(number: number, data: Buffer): Promise<void> {
    const message = this.#base64
      ? `${number}${data.toString("base64")}`
      : Buffer.concat([Buffer.from([number]), data]);
    return new Promise((resolve) => this.#socket.send(message, { binary: !this.#base64 }, () => resolve()));
  }

  stream(number: number): Writable {
    return new Writable({
      write: (data: Buffer, _encoding, done) => {
        const sent = this.send(number, data);
        if (this.#socket.bufferedAmount < mostUnsent) done();
        else void sent.then(() => done());
      },
    });
  }
}

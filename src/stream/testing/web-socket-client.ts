import { once } from "node:events";
import { WebSocket } from "ws";

/** A client of ws, in one of the protocols by channels. */
export class ChannelClient {
  readonly socket: WebSocket;
  readonly #isText: boolean;
  readonly #pieces = new Map<number, Buffer[]>();

  constructor(url: string, protocol: string) {
    this.socket = protocol === "" ? new WebSocket(url) : new WebSocket(url, [protocol]);
    this.#isText = protocol.includes("base64");
    this.socket.on("message", (data: Buffer, isBinary) => {
      if (isBinary === this.#isText) throw new Error(`a message of the wrong kind: ${data}`);
      const channel = this.#isText ? Number(String(data)[0]) : (data[0] ?? -1);
      const payload = this.#isText ? Buffer.from(String(data).slice(1), "base64") : data.subarray(1);
      this.#pieces.set(channel, [...(this.#pieces.get(channel) ?? []), payload]);
    });
  }

  send(channel: number, payload: string | Uint8Array): void {
    const data = Buffer.from(payload);
    if (this.#isText) this.socket.send(String.fromCharCode(48 + channel) + data.toString("base64"));
    else this.socket.send(Buffer.concat([Buffer.from([channel]), data]));
  }

  on(channel: number): Buffer {
    return Buffer.concat(this.#pieces.get(channel) ?? []);
  }

  /** Settles when what has come on `channel` is as expected. */
  async until(channel: number, isExpected: (data: Buffer) => boolean): Promise<void> {
    while (!isExpected(this.on(channel))) await once(this.socket, "message");
  }

  async closed(): Promise<number> {
    if (this.socket.readyState === WebSocket.CLOSED) return -1;
    const [code] = await once(this.socket, "close");
    return code;
  }
}

import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";

/** A port of the guest's, as a socket that QEMU connects to. */
export class Port implements Disposable {
  readonly #server: Server;
  #socket: Socket | undefined;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Listens; QEMU is to be started afterwards. */
  static async listen(path: string): Promise<Port> {
    const port = new Port(createServer());
    port.#server.listen(path);
    await once(port.#server, "listening");
    return port;
  }

  /** Once QEMU runs. */
  async connected(): Promise<Socket> {
    if (this.#socket === undefined) {
      const [socket] = (await once(this.#server, "connection")) as [Socket];
      socket.on("error", () => undefined); // QEMU ended, which is noticed as such
      this.#socket = socket;
    }
    return this.#socket;
  }

  [Symbol.dispose](): void {
    this.#server.close();
    this.#socket?.destroy();
  }
}

/**
 * Tells what a command prints from the mark that follows it: a zero byte, the word that the host chose, the exit code and
 * a newline. Text that may be the beginning of a mark is held back until more has come.
 */
export class MarkedOutput {
  readonly #mark: Buffer;
  #held: Buffer = Buffer.alloc(0);

  constructor(word: string) {
    this.#mark = Buffer.from(`\0${word} `);
  }

  /** @returns what was printed, and the exit code once the mark has come */
  take(chunk: Buffer): { readonly printed: Buffer; readonly code?: number } {
    const all = Buffer.concat([this.#held, chunk]);
    const start = all.indexOf(this.#mark);
    const end = start < 0 ? -1 : all.indexOf("\n", start);
    if (end >= 0)
      return {
        printed: all.subarray(0, start),
        code: Number(all.subarray(start + this.#mark.length, end).toString()),
      };
    const from = start >= 0 ? start : this.#beginning(all);
    this.#held = all.subarray(from);
    return { printed: all.subarray(0, from) };
  }

  /** Where the text's end could be a mark's beginning. */
  #beginning(all: Buffer): number {
    const zero = all.indexOf(0, Math.max(0, all.length - this.#mark.length));
    return zero < 0 ? all.length : zero;
  }
}

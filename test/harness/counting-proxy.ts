import { createServer, type IncomingMessage, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const slice = 65_536;

/** A registry's door: counts the bytes of each blob that go out, and lets out only so many a second for each answer. */
export class CountingProxy {
  readonly #server: Server;
  readonly #sent = new Map<string, number>();

  private constructor(to: string, bytesPerSecond: number) {
    this.#server = createServer((asked, answer) => {
      const { method, url: path = "/", headers } = asked;
      const on = request(new URL(path, to), { method, headers }, (got) => {
        answer.writeHead(got.statusCode ?? 502, got.headers);
        const digest = /\/blobs\/(sha256:[0-9a-f]{64})/.exec(path)?.[1];
        void this.#copy(got, answer, digest, bytesPerSecond);
      });
      on.on("error", () => answer.destroy());
      asked.pipe(on);
    });
  }

  static async start(to: string, bytesPerSecond: number): Promise<CountingProxy> {
    const proxy = new CountingProxy(to, bytesPerSecond);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How many bytes of a blob have gone out. */
  sent(digest: string): number {
    return this.#sent.get(digest) ?? 0;
  }

  async #copy(
    from: IncomingMessage,
    to: NodeJS.WritableStream,
    digest: string | undefined,
    bytesPerSecond: number,
  ): Promise<void> {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>)
        for (let at = 0; at < chunk.length; at += slice) {
          const part = chunk.subarray(at, at + slice);
          to.write(part);
          if (digest === undefined) continue;
          this.#sent.set(digest, this.sent(digest) + part.length);
          await sleep((part.length / bytesPerSecond) * 1000);
        }
      to.end();
    } catch {
      // Whoever asked went away.
    }
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

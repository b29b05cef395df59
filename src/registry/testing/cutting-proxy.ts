import { connect, createServer, type Socket } from "node:net";

/** A way to a server that breaks when it is told to. */
export interface CuttingProxy extends AsyncDisposable {
  /** `127.0.0.1:40123`. */
  readonly host: string;
  /** How many connections it has cut. */
  readonly cuts: number;
  /** Cuts the next `times` connections that send more than so many bytes. */
  cutAfter(bytes: number, times: number): void;
}

/** Starts one that leads to `host`. */
export async function startCuttingProxy(host: string): Promise<CuttingProxy> {
  const [name, port] = host.split(":");
  let [limit, left, cuts] = [0, 0, 0];
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(port), name);
    let sent = 0;
    const both = [client, upstream];
    for (const socket of both) {
      open.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        open.delete(socket);
        for (const one of both) one.destroy();
      });
    }
    client.on("data", (bytes) => {
      sent += bytes.length;
      if (left > 0 && sent > limit) {
        left -= 1;
        cuts += 1;
        for (const one of both) one.destroy();
      } else if (!upstream.write(bytes)) {
        client.pause();
        upstream.once("drain", () => client.resume());
      }
    });
    upstream.pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    host: `127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`,
    get cuts() {
      return cuts;
    },
    cutAfter(bytes, times) {
      [limit, left] = [bytes, times];
    },
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}

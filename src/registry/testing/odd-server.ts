import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

/** A request as it came. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** An HTTP server that answers as the test says: for what no real registry would do. */
export interface OddServer extends AsyncDisposable {
  readonly host: string;
  readonly url: string;
  readonly seen: SeenRequest[];
}

/** Starts one on a port of its own, on `address`: any of 127.0.0.0/8. */
export async function startOddServer(
  answer: (request: SeenRequest, response: ServerResponse) => void,
  address = "127.0.0.1",
): Promise<OddServer> {
  const seen: SeenRequest[] = [];
  const server = createServer(async (incoming, response) => {
    const url = new URL(incoming.url ?? "/", "http://server");
    const body = Buffer.concat(await Array.fromAsync(incoming as AsyncIterable<Buffer>)).toString();
    const { method = "", headers } = incoming;
    const request = { method, path: url.pathname, query: url.searchParams, headers, body };
    seen.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  const listening = server.address();
  const host = `${address}:${typeof listening === "object" && listening !== null ? listening.port : 0}`;
  return {
    host,
    url: `http://${host}`,
    seen,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

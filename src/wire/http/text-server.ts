import { rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { ListenAddress } from "../../config/listen-address.ts";
import { bind, listenOnSocket } from "../listen.ts";

export interface TextServerOptions {
  readonly address: ListenAddress;
  /** The setting that names the address, for messages. */
  readonly setting: string;
  /** Name of the group that may use a unix socket beside its owner; "" or unknown: the daemon's own. */
  readonly group: string;
  /** The one path that is answered. */
  readonly path: string;
  readonly contentType: string;
  /** What is answered. Asked once at a time: requests that come meanwhile get the same text. */
  text(): Promise<string>;
}

/** A server of one text. */
export interface TextServer {
  /** Where it listens: a URL, or `unix:` and the socket's path. */
  readonly at: string;
  /** Ends connections and takes the socket away. */
  close(): Promise<void>;
}

/** More than scrapers have. */
const maxConnections = 32;
const patienceMs = 10_000;
const maxHeaderBytes = 8192;

/**
 * Answers GET and HEAD of one path with a text over HTTP/1.1, and everything else with an error.
 *
 * @throws {Fault} alreadyExists when another program listens there; invalid or unavailable when nobody can
 */
export async function serveText(options: TextServerOptions): Promise<TextServer> {
  let answering: Promise<string> | undefined;
  const text = () => {
    answering ??= options.text().finally(() => {
      answering = undefined;
    });
    return answering;
  };
  const limits = {
    headersTimeout: patienceMs,
    requestTimeout: patienceMs,
    maxHeaderSize: maxHeaderBytes,
    // Longer than a scraper pauses, so that it need not connect anew each time.
    keepAliveTimeout: 65_000,
  };
  const server = createServer(limits, (request, response) => {
    answer(request, response, options, text).catch(() => response.destroy());
  });
  server.maxConnections = maxConnections;
  const at = await listen(server, options);
  const { address } = options;
  return {
    at,
    async close() {
      if ("socket" in address) await rm(address.socket, { force: true });
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { path, contentType }: TextServerOptions,
  text: () => Promise<string>,
): Promise<void> {
  const refuse = (code: number, why: string) => {
    response.writeHead(code, { "content-type": "text/plain; charset=utf-8", connection: "close" });
    response.end(`${why}\n`);
  };
  const asked = request.url?.split("?", 1)[0];
  if (asked !== path) return refuse(404, `there is only ${path}`);
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.setHeader("allow", "GET, HEAD");
    return refuse(405, "only GET and HEAD");
  }
  const body = Buffer.from(await text());
  response.writeHead(200, { "content-type": contentType, "content-length": body.length });
  response.end(request.method === "HEAD" ? undefined : body);
}

/** @returns where it listens */
async function listen(server: Server, { address, setting, group }: TextServerOptions): Promise<string> {
  if ("host" in address) {
    const { host, port } = address;
    const shown = host.includes(":") ? `[${host}]` : host;
    await bind(server, { host, port }, `${setting}: listening on ${shown}:${port}`);
    return `http://${shown}:${(server.address() as AddressInfo).port}`;
  }
  await listenOnSocket(server, address.socket, setting, group);
  return `unix:${address.socket}`;
}

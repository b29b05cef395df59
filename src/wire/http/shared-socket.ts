import { rm } from "node:fs/promises";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer, type Socket } from "node:net";
import { describeFault } from "../../base/fault.ts";
import { listenOnSocket } from "../listen.ts";

export interface SharedSocketOptions {
  /** Absolute path of the unix socket. */
  readonly socket: string;
  /** The setting that names it, for messages. */
  readonly setting: string;
  /** Name of the group that may use it beside its owner; "" or unknown: the daemon's own. */
  readonly group: string;
  /** Takes connections that speak HTTP/2, nothing of which was taken out. */
  http2(connection: Socket): void;
  /** What there is at a path, for JSON; undefined: nothing. */
  document(path: string): unknown;
}

/** A long wait for the first byte is that of somebody who says nothing. */
const patienceMs = 10_000;
const maxConnections = 128;
const maxHeaderBytes = 8192;
const plainText = "text/plain; charset=utf-8";
/** That of HTTP/2's preface, "PRI * HTTP/2.0" (RFC 9113, 3.4), and of no HTTP/1.1 request that is answered here. */
const firstOfHttp2 = "P".charCodeAt(0);

/**
 * A unix socket for two protocols, told apart by the first byte that a client sends: HTTP/2, and HTTP/1.1, of which GET
 * and HEAD of documents are answered.
 *
 * @returns what ends it and takes the socket away
 * @throws {Fault} alreadyExists when another server answers there; invalid, unavailable
 */
export async function serveSharedSocket(options: SharedSocketOptions): Promise<AsyncDisposable> {
  const limits = { headersTimeout: patienceMs, requestTimeout: patienceMs, maxHeaderSize: maxHeaderBytes };
  const http = createHttpServer(limits, (request, response) => answer(request, response, options));
  const open = new Set<Socket>();
  const server = createServer((connection) => {
    open.add(connection);
    connection.once("close", () => open.delete(connection));
    onceItSpeaks(connection, (first) => {
      if (first === firstOfHttp2) options.http2(connection);
      else http.emit("connection", connection);
    });
  });
  server.maxConnections = maxConnections;
  await listenOnSocket(server, options.socket, options.setting, options.group);
  return {
    async [Symbol.asyncDispose]() {
      await rm(options.socket, { force: true });
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const connection of open) connection.destroy();
      await closed;
    },
  };
}

/** Hands on the first byte, which stays to be read. A client that ends or is silent before is dropped. */
function onceItSpeaks(connection: Socket, then: (first: number) => void): void {
  const drop = () => connection.destroy();
  connection.once("error", drop);
  connection.setTimeout(patienceMs, drop);
  connection.once("readable", () => {
    const said: Buffer | null = connection.read();
    const first = said?.[0];
    if (said === null || first === undefined) return drop();
    connection.off("error", drop);
    connection.off("timeout", drop);
    connection.setTimeout(0);
    connection.unshift(said);
    then(first);
  });
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { document }: Pick<SharedSocketOptions, "document">,
): void {
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { allow: "GET, HEAD", connection: "close" });
    return void response.end();
  }
  const [path = ""] = request.url?.split("?", 1) ?? [];
  const [code, type, text] = look(path, document);
  const body = Buffer.from(text);
  response.writeHead(code, { "content-type": type, "content-length": body.length });
  response.end(request.method === "HEAD" ? undefined : body);
}

function look(path: string, document: SharedSocketOptions["document"]): [number, string, string] {
  try {
    const found = document(path);
    if (found !== undefined) return [200, "application/json", JSON.stringify(found)];
    return [404, plainText, `there is no ${path}\n`];
  } catch (error) {
    return [500, plainText, `${path}: ${describeFault(error)}\n`];
  }
}

import {
  type ClientRequest,
  type IncomingMessage,
  Agent as PlainAgent,
  request as plainRequest,
} from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";
import { throwIfEnded } from "../base/deadline.ts";
import { Fault } from "../base/fault.ts";
import type { Ms } from "../base/units.ts";
import { proxyFor } from "../wire/http/proxy.ts";
import { watchConnection } from "./connection-watch.ts";
import type { TlsSettings } from "./tls.ts";
import type { Tell } from "./trace.ts";

/** Certificates that are renewed make new agents. */
const agentsMax = 32;

/** What a request carries: whole, or as it comes. A function, as a request may have to be sent again. */
export type RequestBody = string | Uint8Array | (() => AsyncIterable<Uint8Array>);

/** One request, to be sent as it is. */
export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string | string[]>>;
  /** Of one that comes in pieces, the headers tell the length. */
  readonly body?: RequestBody | undefined;
  readonly tls: TlsSettings;
  /** How long the connection may take to come about; undefined: as long as the answer may. */
  readonly dialTimeout?: Ms | undefined;
  readonly tell?: Tell | undefined;
}

/** A connection that failed before or within an answer: trying again may help. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";
  /** The system's or OpenSSL's name of what happened: `ECONNREFUSED`. */
  readonly code: string;

  constructor(url: URL, cause: unknown) {
    const code = (cause as NodeJS.ErrnoException | undefined)?.code;
    // No cause: its message is told here, without the password that the address of a proxy may hold.
    const said = cause instanceof Error ? inWords(cause.message) : String(cause);
    // Advice on how to start Node.js is none for who runs berth, which trusts the system's authorities anyway.
    const told = said.replace(/\/\/[^/\s]*@/g, "//").replace(/; if the root CA is installed locally.*$/s, "");
    super(`${showUrl(url)}: ${told}`);
    this.code = code ?? "";
  }
}

/** In words for who runs a node, where Node.js and OpenSSL speak to programmers. */
function inWords(message: string): string {
  if (message === "aborted") return "the connection was closed before the end";
  if (message === "socket hang up") return "the connection was closed without an answer";
  // The whole of it names OpenSSL's source file, line and thread.
  const [, reason] = /:SSL routines:[^:]*:([^:]+):/.exec(message) ?? [];
  return reason === undefined ? message : `TLS: ${reason}`;
}

/**
 * Sends requests over connections that are kept for the next ones. Takes no decisions: no retry, no redirect.
 */
export class Transport {
  /** By TLS settings and proxy. */
  readonly #agents = new Map<string, PlainAgent | TlsAgent>();
  readonly #answerWithin: Ms;
  readonly #proxyEnv: NodeJS.ProcessEnv;

  /**
   * `answerWithin`: from the last byte of the request to the head of an answer. `proxyEnv`: HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
   */
  constructor(answerWithin: Ms, proxyEnv: NodeJS.ProcessEnv | undefined) {
    this.#answerWithin = answerWithin;
    this.#proxyEnv = proxyEnv ?? {};
  }

  /**
   * Sends the request; resolves with the head of the answer, whose body must be read or destroyed.
   *
   * @throws {ConnectionLost} or {Fault} cancelled or deadline, as the signal says; invalid for a proxy that is none
   */
  async send(request: HttpRequest, signal: AbortSignal): Promise<IncomingMessage> {
    throwIfEnded(signal, `asking ${showUrl(request.url)}`);
    const proxy = proxyFor(request.url, this.#proxyEnv);
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const options = {
      method: request.method,
      headers: request.headers,
      agent: this.#agentFor(request, proxy),
    };
    const sent = (request.url.protocol === "https:" ? tlsRequest : plainRequest)(request.url, options);
    const settle = () => {
      clearTimeout(late);
      signal.removeEventListener("abort", abort);
    };
    // At once: a request whose proxy is still being asked for a tunnel tells of no end before that has one.
    const fail = (cause: Error) => {
      settle();
      reject(signal.aborted ? endedFault(signal, request.url) : new ConnectionLost(request.url, cause));
      sent.destroy(cause);
    };
    const late = setTimeout(
      () => fail(new Error(`no answer within ${this.#answerWithin} ms`)),
      this.#answerWithin,
    );
    const abort = () => fail(new Error("given up"));
    signal.addEventListener("abort", abort, { once: true });
    sent.on("error", fail);
    if (request.dialTimeout !== undefined) limitDialing(sent, request.dialTimeout, fail);
    if (request.tell !== undefined) watchConnection(sent, { host: request.url.host, proxy }, request.tell);
    sent.on("response", (answer) => {
      clearTimeout(late);
      answer.on("close", settle);
      // Errors of a body come to whoever reads it; one that nobody reads any more must not end the process.
      answer.on("error", () => undefined);
      resolve(answer);
    });
    if (typeof request.body !== "function") sent.end(request.body);
    else void sendPieces(sent, request.body, () => late.refresh());
    return promise;
  }

  /** Ends all connections, the idle and the busy. */
  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
  }

  #agentFor({ url, tls }: HttpRequest, proxy: URL | undefined): PlainAgent | TlsAgent {
    const isPlain = url.protocol === "http:";
    const key = `${isPlain ? "" : tls.key} ${proxy?.href ?? ""}`;
    const known = this.#agents.get(key);
    if (known !== undefined) return known;
    const proxyEnv = proxy === undefined ? {} : { HTTP_PROXY: proxy.href, HTTPS_PROXY: proxy.href };
    const options = { keepAlive: true, timeout: 15_000, proxyEnv };
    const agent = isPlain
      ? new PlainAgent(options)
      : new TlsAgent({ ...options, secureContext: tls.context, rejectUnauthorized: tls.verify });
    // One that is left out ends its connections once they have been idle for a while.
    if (this.#agents.size >= agentsMax) this.#agents.delete(this.#agents.keys().next().value ?? "");
    this.#agents.set(key, agent);
    return agent;
  }
}

/** Has the request fail when no connection stands in time. */
function limitDialing(sent: ClientRequest, within: Ms, fail: (cause: Error) => void): void {
  const late = Object.assign(new Error(`no connection within ${within} ms`), { code: "ETIMEDOUT" });
  const timer = setTimeout(() => fail(late), within);
  const stands = () => clearTimeout(timer);
  sent.once("close", stands);
  sent.once("socket", (socket) => {
    if (socket.connecting) socket.once("connect", stands);
    else stands();
  });
}

/** Ends the request with the error when the pieces end with one. `moved` is told when the other side takes some. */
async function sendPieces(
  sent: ClientRequest,
  pieces: () => AsyncIterable<Uint8Array>,
  moved: () => void,
): Promise<void> {
  try {
    for await (const piece of pieces()) {
      if (sent.destroyed) return;
      if (!sent.write(piece)) await untilDrained(sent);
      moved();
    }
    sent.end();
  } catch (error) {
    sent.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}

function untilDrained(sent: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      sent.off("drain", done).off("close", done);
      resolve();
    };
    sent.once("drain", done).once("close", done);
  });
}

/** What an error may say of a URL: queries and user names can hold secrets. */
export function showUrl(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

/** What to throw once `signal` has aborted. */
export function endedFault(signal: AbortSignal, url: URL): Fault {
  try {
    throwIfEnded(signal, `reading ${showUrl(url)}`);
  } catch (error) {
    if (error instanceof Fault) return error;
  }
  return new Fault("cancelled", `reading ${showUrl(url)}: given up`);
}

import type { IncomingMessage } from "node:http";
import { Fault } from "../base/fault.ts";
import { isLoopbackHost } from "../spec/reference.ts";
import type { TlsSettings } from "./tls.ts";
import { type HttpRequest, showUrl, type Transport } from "./transport.ts";

const hopsMax = 5;
const drainMax = 16_384;
/** What goes along to another host; all else may hold secrets. */
const harmless = new Set(["accept", "accept-encoding", "range", "user-agent"]);

/** An answer, and the address that it came from in the end. */
export interface Answered {
  readonly answer: IncomingMessage;
  readonly url: URL;
}

/**
 * Sends a request and follows redirects of GET and HEAD. Another host gets no credential, no configured header and no client
 * certificate, and nothing of that comes back when it redirects to the first host again.
 *
 * @throws {Fault} unavailable for a loop, forbidden for a redirect to where a stranger must not send us
 */
export async function follow(
  transport: Transport,
  request: HttpRequest,
  foreignTls: () => Promise<TlsSettings>,
  signal: AbortSignal,
): Promise<Answered> {
  let at = request;
  for (let hops = 0; ; hops++) {
    const began = performance.now();
    const answer = await transport.send(at, signal);
    const { method, url: asked, tell } = at;
    const took = performance.now() - began;
    tell?.({ kind: "answer", method, url: showUrl(asked), status: answer.statusCode ?? 0, took });
    const location = redirectOf(answer);
    if (location === undefined || !(at.method === "GET" || at.method === "HEAD"))
      return { answer, url: at.url };
    drain(answer);
    if (hops === hopsMax)
      throw new Fault("unavailable", `${showUrl(request.url)} redirects more than ${hopsMax} times`);
    const url = redirectTarget(location, at.url);
    at =
      url.origin === at.url.origin
        ? { ...at, url }
        : { ...at, url, headers: harmlessOf(at.headers), tls: await foreignTls() };
  }
}

function redirectOf(answer: IncomingMessage): string | undefined {
  return [301, 302, 303, 307, 308].includes(answer.statusCode ?? 0) ? answer.headers.location : undefined;
}

/** Reads away a short body, so that the connection can be used again; else ends it. */
export function drain(answer: IncomingMessage): void {
  const length = Number(answer.headers["content-length"] ?? Number.NaN);
  if (length <= drainMax) answer.resume();
  else answer.destroy();
}

/**
 * Where an answer from `from` leads.
 *
 * @throws {Fault} forbidden for what is no HTTP address, from TLS to none, and from another machine to this one
 */
export function redirectTarget(location: string, from: URL): URL {
  const url = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
  if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw new Fault("forbidden", `${showUrl(from)} redirects to what is no HTTP address`);
  }
  if (url.protocol === "http:" && from.protocol === "https:" && !isLoopbackHost(from.host)) {
    throw new Fault("forbidden", `${showUrl(from)} redirects from TLS to plain HTTP (${url.host})`);
  }
  if (isLoopbackHost(url.host) && !isLoopbackHost(from.host)) {
    throw new Fault("forbidden", `${showUrl(from)} redirects to this very machine (${url.host})`);
  }
  url.username = "";
  url.password = "";
  return url;
}

function harmlessOf(headers: HttpRequest["headers"]): HttpRequest["headers"] {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => harmless.has(name.toLowerCase())));
}

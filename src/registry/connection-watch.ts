import type { ClientRequest } from "node:http";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { ConnectionFacts, Tell, TlsFacts } from "./trace.ts";

/**
 * Tells of the connection that the request gets, once it stands or has failed. Behind a proxy only the handshake is seen: the
 * tunnel is made before.
 */
export function watchConnection(
  request: ClientRequest,
  { host, proxy }: { readonly host: string; readonly proxy: URL | undefined },
  tell: Tell,
): void {
  const addresses: string[] = [];
  const facts: { -readonly [Key in keyof ConnectionFacts]: ConnectionFacts[Key] } = {
    host,
    proxy: proxy && `${proxy.protocol}//${proxy.host}`,
    addresses,
    lookup: undefined,
    connect: undefined,
    handshake: undefined,
    tls: undefined,
    reused: false,
  };
  let last = performance.now();
  const since = () => {
    const took = performance.now() - last;
    last += took;
    return took;
  };
  let told = false;
  const done = () => {
    if (told) return;
    told = true;
    tell({ kind: "connection", facts });
  };
  request.once("error", done);
  request.once("socket", (socket: Socket) => {
    facts.reused = request.reusedSocket;
    const secured = () => {
      facts.handshake = since();
      facts.tls = socket instanceof TLSSocket ? tlsFacts(socket) : undefined;
      done();
    };
    const connected = () => {
      facts.connect = since();
      if (!(socket instanceof TLSSocket)) done();
    };
    if (!socket.connecting) {
      if (socket.remoteAddress !== undefined) addresses.push(socket.remoteAddress);
      if (socket instanceof TLSSocket) secured();
      else done();
      return;
    }
    socket.on("lookup", (error, address) => {
      if (error === null) addresses.push(address);
      facts.lookup = (facts.lookup ?? 0) + since();
    });
    socket.once("connect", connected);
    socket.once("secureConnect", secured);
  });
}

/** What the other side has shown. */
function tlsFacts(socket: TLSSocket): TlsFacts {
  const certificate = socket.getPeerX509Certificate();
  const refused: unknown = socket.authorized ? undefined : socket.authorizationError;
  const problem =
    refused === undefined || refused === null
      ? undefined
      : ((refused as NodeJS.ErrnoException).code ?? String(refused));
  return {
    version: socket.getProtocol() ?? "",
    subject: oneLine(certificate?.subject),
    issuer: oneLine(certificate?.issuer),
    names: (certificate?.subjectAltName ?? "")
      .split(", ")
      .filter((name) => name !== "")
      .map((name) => name.replace(/^(DNS|IP Address):/, "")),
    validTo: certificate?.validToDate.toISOString() ?? "",
    problem,
  };
}

/** A stranger's text: one line, not too long. */
function oneLine(text = ""): string {
  return text
    .replace(/[\p{Cc}\p{Cf}]+/gu, ", ")
    .trim()
    .slice(0, 300);
}

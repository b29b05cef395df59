import { createServer, type Server } from "node:http";
import { createServer as createSecureServer, type Server as SecureServer } from "node:https";
import { type AddressInfo, isIP } from "node:net";
import { join } from "node:path";
import type { Logger } from "pino";
import { Fault } from "../base/fault.ts";
import { parseListenAddress } from "../config/listen-address.ts";
import type { Config } from "../config/schema.ts";
import { certificateFiles } from "./tls/certificate-files.ts";
import { generatedCertificate } from "./tls/generated-certificate.ts";
import { ShownCertificate } from "./tls/shown-certificate.ts";

/** Where clients connect to. */
export interface Listener {
  readonly server: Server | SecureServer;
  /** What URLs begin with, without a slash at their end. */
  readonly base: string;
  /** With TLS alone. */
  readonly certificate: ShownCertificate | undefined;
}

/** Has the server of the streams listen. @throws {Fault} unavailable when the address can't be had */
export async function openListener(
  settings: Config["streaming"],
  root: string,
  log: Logger,
): Promise<Listener> {
  const { tls, address, creationTimeout } = settings;
  const limits = { headersTimeout: creationTimeout, requestTimeout: creationTimeout };
  if (!tls) {
    const server = createServer(limits, refusePlain);
    const { host, port } = await listen(server, address);
    return { server, base: `http://${host}:${port}`, certificate: undefined };
  }
  const secure = { ...limits, handshakeTimeout: creationTimeout, ALPNProtocols: ["http/1.1"] };
  const server = createSecureServer(secure, refusePlain);
  const { host, port, ip } = await listen(server, address);
  const { certFile, keyFile, minTlsVersion } = settings;
  const source =
    certFile === "" ? generatedCertificate(join(root, "streams"), ip) : certificateFiles(certFile, keyFile);
  const certificate = new ShownCertificate(server, source, { minVersion: `TLSv${minTlsVersion}`, log });
  certificate.problem(); // one that is wrong is told of now, not with the first stream
  return { server, base: `https://${host}:${port}`, certificate };
}

const refusePlain: Parameters<typeof createServer>[1] = (_request, response) => {
  response.writeHead(400, { "content-type": "text/plain" });
  response.end("this address speaks SPDY/3.1 and WebSocket alone\n");
};

/** Any address of the node is its loopback, too: the kubelet, which connects, is on the same node. */
const loopbacks: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

async function listen(server: Server, address: string): Promise<{ host: string; ip: string; port: number }> {
  const at = parseListenAddress(address);
  if (typeof at === "string" || "socket" in at) throw new Fault("invalid", `streaming.address: ${address}`);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(at.port, at.host, () => {
        server.off("error", reject);
        resolve();
      });
    });
  } catch (error) {
    throw new Fault("unavailable", `serving streams on ${address}`, {
      cause: error,
      hint: "set streaming.address to an address of this node and a port that is free",
    });
  }
  const { address: bound, port } = server.address() as AddressInfo;
  const ip = loopbacks[bound] ?? bound;
  // RFC 6874: the zone of a link-local address
  return { host: isIP(ip) === 6 ? `[${ip.replace("%", "%25")}]` : ip, ip, port };
}

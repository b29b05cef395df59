import { isIP } from "node:net";
import { isAbsolute, normalize } from "node:path";

/** sockaddr_un's path, without its final zero (unix(7)). */
export const maxSocketPath = 107;

/** Where a server listens: a unix socket, or an IP address with a port (0: any that is free). */
export type ListenAddress = { readonly socket: string } | { readonly host: string; readonly port: number };

/**
 * Reads `unix:/path`, `127.0.0.1:9321` or `[::1]:9321`.
 *
 * @returns the address; a text that says what is wrong when it is none
 */
export function parseListenAddress(text: string): ListenAddress | string {
  if (text.startsWith("unix:")) return socketAt(text.slice("unix:".length));
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  const host = bracketed ?? plain;
  if (host === undefined || port > 65_535) {
    return `must be as in "127.0.0.1:9321", "[::1]:9321" or "unix:/run/berth/metrics.sock", not ${JSON.stringify(text)}`;
  }
  if (host === "") return `names no address before the port: "0.0.0.0:${port}" would be every IPv4 address`;
  if (isIP(host) !== (bracketed === undefined ? 4 : 6)) {
    return `needs an IP address, IPv6 in brackets, before the port, not ${JSON.stringify(host)}`;
  }
  return { host, port };
}

function socketAt(path: string): ListenAddress | string {
  // Where a server binds before its socket takes its name is four bytes longer.
  const longest = maxSocketPath - ".new".length;
  if (!isAbsolute(path) || path.includes("\0")) return `needs an absolute path after "unix:", not "${path}"`;
  if (Buffer.byteLength(path) > longest) return `must be at most ${longest} bytes long: ${path}`;
  return { socket: normalize(path) };
}

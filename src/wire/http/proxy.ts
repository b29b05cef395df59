import { BlockList, isIP } from "node:net";
import { Fault } from "../../base/fault.ts";

/** Variables that name a proxy, for messages. */
const variables = {
  "http:": ["HTTP_PROXY", "http_proxy"],
  "https:": ["HTTPS_PROXY", "https_proxy"],
} as const;

/**
 * The proxy by which `url` is asked, as Go's programs read the environment (and so containerd and the kubelet): HTTPS_PROXY
 * or HTTP_PROXY, in capitals first; none for what NO_PROXY names, and for this very machine.
 *
 * @throws {Fault} invalid when the variable holds no address; it may hold a password, and is not shown
 */
export function proxyFor(url: URL, env: NodeJS.ProcessEnv): URL | undefined {
  const names = url.protocol === "https:" ? variables["https:"] : variables["http:"];
  const name = names.find((each) => Boolean(env[each]));
  const value = name === undefined ? undefined : env[name];
  if (name === undefined || value === undefined || staysAway(url, env)) return undefined;
  const given = /^[a-z0-9+]+:\/\//i.test(value) ? value : `http://${value}`;
  const proxy = URL.canParse(given) ? new URL(given) : undefined;
  if (proxy === undefined || !/^https?:$/.test(proxy.protocol)) {
    throw new Fault("invalid", `${name} is not the address of a proxy, as in http://proxy.example:3128`);
  }
  return proxy;
}

function staysAway(url: URL, env: NodeJS.ProcessEnv): boolean {
  const host = url.hostname
    .replace(/^\[(.*)\]$/, "$1")
    .toLowerCase()
    .replace(/\.$/, "");
  if (host === "localhost" || isLoopback(host)) return true;
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  const list = env.NO_PROXY || env.no_proxy || "";
  return list.split(",").some((entry) => names(entry.trim().toLowerCase(), host, port));
}

function isLoopback(host: string): boolean {
  return (isIP(host) === 4 && host.startsWith("127.")) || host === "::1";
}

/**
 * Whether an entry of NO_PROXY is for the host: `*`, an address, a block of them (`10.0.0.0/8`), a domain with what is below
 * it (`example.org`), or only that (`.example.org`, `*.example.org`); the last three perhaps with a port.
 */
function names(entry: string, host: string, port: string): boolean {
  if (entry === "") return false;
  if (entry === "*") return true;
  const version = isIP(host);
  const block = /^([0-9a-f.:]+)\/([0-9]{1,3})$/.exec(entry);
  if (block !== null) return version !== 0 && isInBlock(host, version, block[1] ?? "", Number(block[2]));
  if (isIP(entry) !== 0) return entry === host;
  const [, bracketed, plain, onlyAt] = /^(?:\[([^\]]+)\]|([^:]+))(?::([0-9]+))?$/.exec(entry) ?? [];
  const name = bracketed ?? plain;
  if (name === undefined || (onlyAt !== undefined && onlyAt !== port)) return false;
  const domain = name.replace(/^\*\./, ".");
  if (domain.startsWith(".")) return host.endsWith(domain);
  return host === domain || (version === 0 && host.endsWith(`.${domain}`));
}

function isInBlock(host: string, version: number, network: string, bits: number): boolean {
  if (isIP(network) !== version || bits > (version === 4 ? 32 : 128)) return false;
  const family = version === 4 ? "ipv4" : "ipv6";
  const block = new BlockList();
  block.addSubnet(network, bits, family);
  return block.check(host, family);
}

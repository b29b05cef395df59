import { BlockList, isIP } from "node:net";
import { join } from "node:path";
import type { CniNetworkConfig } from "../../../spec/cni-config.ts";
import { namesIn } from "../leaks/names-in.ts";

/** Where host-local keeps its leases unless told otherwise. */
const defaultLeases = "/var/lib/cni/networks";

/** A range that host-local gives addresses from (CNI plugins, ipam/host-local). */
export interface AddressRange {
  /** As in `10.88.0.0/16`. */
  readonly subnet: string;
  /** How many addresses it has to give. */
  readonly size: bigint;
  /** How many it has given. */
  readonly leased: number;
  /** Where it notes them. */
  readonly leases: string;
  /** The bridge that the plugin makes for it; undefined for other plugins. */
  readonly bridge: string | undefined;
}

/** The ranges of a network, with what is leased of each. Those that can't be read as such are left out. */
export function rangesOf({ name, plugins }: CniNetworkConfig): AddressRange[] {
  return plugins.flatMap((plugin) => {
    const { type, dataDir, ranges, ...single } = (plugin.ipam ?? {}) as Record<string, unknown>;
    if (type !== "host-local") return [];
    const leases = join(typeof dataDir === "string" ? dataDir : defaultLeases, name);
    const sets = Array.isArray(ranges) ? ranges.flat() : [];
    const bridge = plugin.type === "bridge" ? String(plugin.bridge ?? "cni0") : undefined;
    return [...sets, single].flatMap((range) => rangeOf(range as Record<string, unknown>, leases, bridge));
  });
}

function rangeOf(
  { subnet, rangeStart, rangeEnd }: Record<string, unknown>,
  leases: string,
  bridge: string | undefined,
): AddressRange[] {
  if (typeof subnet !== "string") return [];
  const [base = "", bits = ""] = subnet.split("/");
  const family = isIP(base);
  if (family === 0 || !/^\d+$/.test(bits)) return [];
  const width = family === 4 ? 32 : 128;
  const first = (numberOf(base) >> BigInt(width - Number(bits))) << BigInt(width - Number(bits));
  const last = first + (1n << BigInt(width - Number(bits))) - 1n;
  // Neither the network's own address nor the gateway's, and for IPv4 not the broadcast one.
  const from = typeof rangeStart === "string" && isIP(rangeStart) ? numberOf(rangeStart) : first + 1n;
  const to =
    typeof rangeEnd === "string" && isIP(rangeEnd) ? numberOf(rangeEnd) : last - (family === 4 ? 1n : 0n);
  const given = namesIn(leases)
    .map((file) => file.replaceAll("_", ":"))
    .filter((address) => isIP(address) === family)
    .map(numberOf);
  const leased = given.filter((address) => address >= from && address <= to).length;
  const hasGateway = typeof rangeStart !== "string";
  return [{ subnet, size: to - from + 1n - (hasGateway ? 1n : 0n), leased, leases, bridge }];
}

/** An address as a number. */
function numberOf(address: string): bigint {
  if (isIP(address) === 4) return address.split(".").reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
  const [head = "", tail] = address.split("::");
  const groups = (text: string | undefined) => (text === undefined || text === "" ? [] : text.split(":"));
  const [left, right] = [groups(head), groups(tail)];
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => "0");
  return [...left, ...zeros, ...right].reduce((sum, part) => (sum << 16n) | BigInt(`0x${part || "0"}`), 0n);
}

/** A route of the host, as in /proc/net/route: IPv4 only. */
export interface Route {
  readonly device: string;
  /** As in `10.88.0.0/16`. */
  readonly subnet: string;
}

/** Reads /proc/net/route. Default routes lead everywhere and are left out. */
export function parseRoutes(text: string): Route[] {
  return text
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const [device = "", destination = "", , , , , , mask = ""] = line.split("\t");
      const bits = [...Number.parseInt(mask, 16).toString(2)].filter((bit) => bit === "1").length;
      if (device === "" || bits === 0) return [];
      const bytes = Buffer.from(destination, "hex").reverse();
      return [{ device, subnet: `${[...bytes].join(".")}/${bits}` }];
    });
}

/** True when two IPv4 subnets have addresses in common: one then holds the other's first. */
export function overlap(one: string, other: string): boolean {
  return holds(one, other) || holds(other, one);
}

function holds(outer: string, inner: string): boolean {
  const [base = "", bits = ""] = outer.split("/");
  const [address = ""] = inner.split("/");
  if (isIP(base) !== 4 || isIP(address) !== 4) return false;
  const list = new BlockList();
  list.addSubnet(base, Number(bits), "ipv4");
  return list.check(address, "ipv4");
}

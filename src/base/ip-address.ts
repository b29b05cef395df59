import { isIP } from "node:net";

/** An IP address as everybody writes it: of IPv6 the shortest form (RFC 5952). What is none stays as it is. */
export function canonicalAddress(address: string): string {
  return isIP(address) === 6 ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}

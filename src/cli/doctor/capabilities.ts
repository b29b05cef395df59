import { readFileSync } from "node:fs";

/** CAP_SYS_RESOURCE: raising limits beyond those given, and shielding processes from kills for memory. */
export const resourceCapability = 24;

const bits = 64;

/** The numbers of the capabilities (capabilities(7)) that a process has in effect; this one's when no pid is given. */
export function effectiveCapabilities(pid: number | undefined): ReadonlySet<number> {
  const text = readFileSync(`/proc/${pid ?? "self"}/status`, "latin1");
  const mask = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(text)?.[1] ?? "0"}`);
  return new Set(Array.from({ length: bits }, (_, bit) => bit).filter((bit) => (mask >> BigInt(bit)) & 1n));
}

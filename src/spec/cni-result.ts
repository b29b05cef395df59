import { isIP } from "node:net";
import { Fault } from "../base/fault.ts";

/** What a plugin printed, whole: the next plugin and the later calls get it as it was. */
export type CniRawResult = Readonly<Record<string, unknown>>;

/** An address that the plugins gave. `interface` is an index into the interfaces; absent: not said. */
interface CniAddress {
  /** Without its prefix length. */
  readonly address: string;
  readonly interface: number | undefined;
}

interface CniInterface {
  readonly name: string;
  readonly mac: string;
  /** The network namespace that it is in; empty: the host's. */
  readonly sandbox: string;
}

/** The success result of ADD, of any version (CNI spec 1.1, section 5; 0.2.0 has `ip4` and `ip6`). */
export interface CniResult {
  readonly raw: CniRawResult;
  readonly addresses: readonly CniAddress[];
  readonly interfaces: readonly CniInterface[];
}

/** The error that a plugin prints (CNI spec 1.1, section 5: Error). */
export interface CniError {
  readonly code: number;
  readonly message: string;
  readonly details: string;
}

const maxEntries = 256;

/** @throws {Fault} corrupt, saying what is wrong with it */
export function parseCniResult(text: string): CniResult {
  const raw = parseObject(text);
  if (raw === undefined)
    throw corrupt(text.trim() === "" ? "it printed nothing" : "it printed no JSON object");
  const interfaces = listOf(raw, "interfaces").map(readInterface);
  const addresses = [...listOf(raw, "ips").map(readAddress), ...oldAddresses(raw)];
  for (const { interface: index } of addresses) {
    if (index !== undefined && index >= interfaces.length)
      throw corrupt(`an address names interface ${index}`);
  }
  return { raw, addresses, interfaces };
}

/** The error in what a failed plugin printed, or undefined when it printed no such thing. */
export function parseCniError(text: string): CniError | undefined {
  const error = parseObject(text);
  if (error === undefined || typeof error.msg !== "string" || typeof error.code !== "number")
    return undefined;
  const details = typeof error.details === "string" ? error.details : "";
  return { code: error.code, message: printable(error.msg), details: printable(details) };
}

/** What a plugin printed, fit for an error or a log: one line, no control characters, not long. */
export function printable(text: string): string {
  const line = text
    .replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, " ")
    .replaceAll("\uFFFD", "?")
    .trim();
  return line.length > 1000 ? `${line.slice(0, 1000)}…` : line;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function listOf(raw: CniRawResult, key: string): Record<string, unknown>[] {
  const value = raw[key] ?? [];
  if (!Array.isArray(value) || !value.every(isObject)) throw corrupt(`"${key}" is no list of objects`);
  if (value.length > maxEntries) throw corrupt(`"${key}" has more than ${maxEntries} entries`);
  return value;
}

function readInterface(entry: Record<string, unknown>): CniInterface {
  const { name, mac = "", sandbox = "" } = entry;
  // Names: up to 15 bytes for the kernel; berth only shows them.
  if (typeof name !== "string" || !/^[^/\s\p{Cc}]{1,15}$/u.test(name))
    throw corrupt("an interface has no proper name");
  if (typeof mac !== "string" || !/^([0-9a-fA-F]{2}(:[0-9a-fA-F]{2})*)?$/.test(mac)) {
    throw corrupt(`the mac of ${name} is none`);
  }
  if (typeof sandbox !== "string" || sandbox.length > 4096)
    throw corrupt(`the sandbox of ${name} is no path`);
  return { name, mac, sandbox: printable(sandbox) };
}

function readAddress(entry: Record<string, unknown>): CniAddress {
  const { address, interface: index } = entry;
  if (index !== undefined && (!Number.isSafeInteger(index) || Number(index) < 0)) {
    throw corrupt("an address names an interface by something else than its index");
  }
  return { address: withoutPrefix(address), interface: index as number | undefined };
}

function oldAddresses(raw: CniRawResult): CniAddress[] {
  return [raw.ip4, raw.ip6]
    .filter(isObject)
    .map(({ ip }) => ({ address: withoutPrefix(ip), interface: undefined }));
}

function withoutPrefix(value: unknown): string {
  if (typeof value === "string" && value.length < 64) {
    const [, address = "", bits = ""] = /^([^/%]+)\/(\d{1,3})$/.exec(value) ?? [];
    const family = isIP(address);
    if (family !== 0 && Number(bits) <= (family === 4 ? 32 : 128)) return address;
  }
  throw corrupt(`"${printable(String(value)).slice(0, 64)}" is no address with a prefix length`);
}

function corrupt(why: string): Fault {
  return new Fault("corrupt", `its result can't be used: ${why}`);
}

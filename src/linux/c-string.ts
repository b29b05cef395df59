import { Fault } from "../base/fault.ts";

/**
 * A path or name as the kernel takes it: any bytes but NUL. Names from archives need not be UTF-8, so they
 * may be bytes.
 */
export type PathBytes = string | Uint8Array;

/**
 * What koffi passes on as `const char *`.
 *
 * @throws {Fault} invalid when it holds a NUL, which would cut it short to another name
 */
export function cString(path: PathBytes): string | Uint8Array {
  const holdsNul = typeof path === "string" ? path.includes("\0") : path.includes(0);
  if (holdsNul) throw new Fault("invalid", `a name holds a NUL byte: ${shown(path)}`);
  if (typeof path === "string") return path;
  const terminated = new Uint8Array(path.length + 1);
  terminated.set(path);
  return terminated;
}

/** For messages. */
export function shown(path: PathBytes): string {
  return JSON.stringify(typeof path === "string" ? path : Buffer.from(path).toString("utf8"));
}

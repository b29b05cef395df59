import { libc } from "./libc.ts";

const exit = libc.func("void _exit(int status)");

/**
 * Ends the process at once (_exit(2)). `process.exit` waits for the threads of the pool, and one in a call to a file
 * system that never answers does not end.
 */
export function exitNow(code: number): void {
  exit(code);
}

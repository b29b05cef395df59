import { readdirSync } from "node:fs";
import { parseNumberList } from "../base/number-list.ts";
import { check, libc } from "./libc.ts";

const sched_setaffinity = libc.func("int sched_setaffinity(int pid, size_t size, const void *mask)");

/** Of CONFIG_NR_CPUS the largest. */
const maxProcessors = 8192;

/**
 * Lets a process run on these processors only, as in `0-3,7`, all of its threads: what it starts from then on, too.
 *
 * @throws {SystemCallError} when the node has none of them, or the process has gone
 */
export function confineToProcessors(pid: number, list: string): void {
  const mask = Buffer.alloc(maxProcessors / 8);
  for (const { first, last } of parseNumberList(list) ?? [])
    for (let number = first; number <= Math.min(last, maxProcessors - 1); number++)
      mask.writeUInt8(mask.readUInt8(number >> 3) | (1 << (number & 7)), number >> 3);
  for (const thread of readdirSync(`/proc/${pid}/task`))
    check(sched_setaffinity(Number(thread), mask.length, mask), "sched_setaffinity", `${pid} to ${list}`);
}

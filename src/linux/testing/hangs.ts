import { readdirSync, readFileSync } from "node:fs";

/** Whether a process that SIGSTOP was sent to stands still, with all of its threads: until then it may still answer. */
export function hangs(pid: number | undefined): boolean {
  const threads = `/proc/${pid}/task`;
  return readdirSync(threads).every((thread) => {
    try {
      return / T /.test(readFileSync(`${threads}/${thread}/stat`, "latin1"));
    } catch {
      return false; // it has ended meanwhile: to be looked at again
    }
  });
}

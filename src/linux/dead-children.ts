import { readdirSync, readFileSync } from "node:fs";

/** A process that has ended, and that its parent has not waited for. */
export interface DeadChild {
  readonly pid: number;
  /** Of a PID namespace below this one: whose init can't end before it is waited for. */
  readonly inContainer: boolean;
}

/** Of this process, or another's. */
export function deadChildren(parent: number | "self"): DeadChild[] {
  const dead: DeadChild[] = [];
  for (const thread of threadsOf(parent)) {
    for (const pid of textOf(`/proc/${parent}/task/${thread}/children`).split(" ").filter(Boolean)) {
      const status = textOf(`/proc/${pid}/status`);
      if (!/^State:\s+Z/m.test(status)) continue;
      // one number for each PID namespace that it is in, this one first
      const namespaces = /^NSpid:\s+(.*)$/m.exec(status)?.[1]?.split(/\s+/) ?? [];
      dead.push({ pid: Number(pid), inContainer: namespaces.length > 1 });
    }
  }
  return dead;
}

function threadsOf(pid: number | "self"): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return []; // it has ended
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return ""; // the thread or process has ended
  }
}

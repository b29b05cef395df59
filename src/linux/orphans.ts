import { setTimeout as sleep } from "node:timers/promises";
import type { Ms } from "../base/units.ts";
import { deadChildren } from "./dead-children.ts";
import { check, libc } from "./libc.ts";
import { processIdentity } from "./process-identity.ts";
import { deathOf, reapIfDead } from "./reap.ts";

const prctl = libc.func(
  "int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)",
);

const PR_SET_CHILD_SUBREAPER = 36;

const sweepMs: Ms = 1000;
/** A dead process of this host that nobody took for so long is nobody's: Node and ChildExits take theirs within a second. */
const forgottenMs: Ms = 10_000;

/** Who has a claim on dead children. */
export interface Claims {
  /** True when someone waits for this very process. */
  waitsFor(pid: number): boolean;
  /** When the oldest launch began that may still claim a process (performance.now()); undefined: there is none. */
  oldestLaunch(): number | undefined;
}

/**
 * Makes this process the parent of what its programs leave behind (PR_SET_CHILD_SUBREAPER, prctl(2)), so that it can
 * wait for a process that a runtime started in a container and left. When this process dies they go to pid 1 as ever.
 *
 * The orphans that nobody claims are reaped: a container's init can't end before every dead process of its PID
 * namespace is reaped, so those go at once.
 */
export class Orphans {
  readonly #claims: Claims;
  /** Dead, unclaimed children, and when they were first seen. */
  #seen = new Map<number, number>();

  constructor(claims: Claims) {
    this.#claims = claims;
    check(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl", "PR_SET_CHILD_SUBREAPER");
    setInterval(() => this.reap(), sweepMs).unref();
  }

  /** Reaps what is dead and unclaimed now; is called now and then by itself. */
  reap(): void {
    const now = performance.now();
    const oldest = this.#claims.oldestLaunch() ?? Number.POSITIVE_INFINITY;
    const seen = new Map<number, number>();
    for (const { pid, inContainer } of anyDead() ? deadChildren("self") : []) {
      if (this.#claims.waitsFor(pid)) continue;
      const since = this.#seen.get(pid) ?? now;
      const unclaimed = inContainer ? since <= oldest : since + forgottenMs <= now;
      if (unclaimed) reapIfDead(pid);
      else seen.set(pid, since);
    }
    this.#seen = seen;
  }
}

/**
 * Reaps `pid` if it is a dead child of ours, whose threads may take a while to follow its first: none can be waited for before. Gives
 * up after `patience`. One that lives is let be.
 */
export async function reapOnceDead(pid: number, patience: Ms): Promise<void> {
  for (const until = performance.now() + patience; performance.now() < until; await sleep(5)) {
    if (processIdentity(pid) !== undefined) return;
    if (reapIfDead(pid)) return; // it is reaped, or none of ours
  }
}

/** True when there is a dead child. One call, so that an idle sweep costs nothing. */
function anyDead(): boolean {
  const death = deathOf();
  return death !== undefined && death !== "none";
}

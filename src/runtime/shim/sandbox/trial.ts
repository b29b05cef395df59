import { describeFault, Fault, isFault } from "../../../base/fault.ts";
import { newPodSandboxId } from "../../../base/ids.ts";
import type { Ms } from "../../../base/units.ts";
import type { ShimHandler } from "../handler.ts";
import type { Shims } from "../shims.ts";

/** How long a shim may take to say whether it knows the sandbox API. */
const answerDeadline: Ms = 5_000;

/**
 * Which shims that are to make sandboxes by themselves can. Each is started for a moment and asked about a sandbox that does not exist:
 * whatever it answers, it knows the question.
 */
export class SandboxTrials {
  readonly #shims: Shims;
  readonly #untried: Set<ShimHandler>;
  readonly #problems = new Map<string, string>();

  constructor(handlers: readonly ShimHandler[], shims: Shims) {
    this.#shims = shims;
    this.#untried = new Set(handlers);
  }

  /** Why the handler's shim can't; undefined: it can, or is not asked to. */
  problemOf(handler: string): string | undefined {
    return this.#problems.get(handler);
  }

  /** Tries those that have not answered yet, such as for want of a disk. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(
      [...this.#untried].map(async (handler) => {
        try {
          await this.#try(handler, signal);
          this.#problems.delete(handler.name);
        } catch (error) {
          this.#problems.set(handler.name, describeFault(error));
          if (!isFault(error, "wrongState")) return;
        }
        this.#untried.delete(handler);
      }),
    );
  }

  /** @throws {Fault} wrongState when it can't; as its start says */
  async #try(handler: ShimHandler, signal: AbortSignal): Promise<void> {
    const sandboxId = newPodSandboxId();
    const start = { group: sandboxId, handler, cgroup: undefined, sandboxCgroup: undefined };
    const answer = await this.#shims.tryOut(
      start,
      ({ sandboxes }) =>
        sandboxes
          .platform({ sandboxId }, { timeout: answerDeadline, signal })
          .catch((error: unknown) => error),
      signal,
    );
    // shims in Rust call a service that they do not have an invalid argument
    if (isFault(answer, "unimplemented", "invalid")) throw lacksSandboxes(handler, answer);
  }
}

/** @param error what the shim said */
export function lacksSandboxes({ name, program }: ShimHandler, error: Fault): Fault {
  return new Fault("wrongState", `${program} has no sandbox API, which sandboxer = "shim" needs`, {
    cause: error,
    hint: `leave runtime.handlers.${name}.sandboxer out (or set "podsandbox"), or name a shim that has it`,
  });
}

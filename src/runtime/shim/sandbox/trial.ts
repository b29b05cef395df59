import { describeFault, Fault, isFault } from "../../../base/fault.ts";
import { newPodSandboxId } from "../../../base/ids.ts";
import type { Ms } from "../../../base/units.ts";
import type { ShimHandler } from "../handler.ts";
import type { Shims } from "../shims.ts";

/** How long a shim may take to say whether it knows the sandbox API. */
const answerDeadline: Ms = 5_000;

/**
 * Why a shim can't make sandboxes by itself; undefined: it can. It is started for a moment and asked about a sandbox that does not
 * exist: whatever it answers, it knows the question.
 */
export async function sandboxApiProblem(
  handler: ShimHandler,
  shims: Shims,
  signal: AbortSignal,
): Promise<string | undefined> {
  const group = newPodSandboxId();
  try {
    return await shims.tryOut(
      { group, handler, cgroup: undefined },
      async ({ sandboxes }) => {
        try {
          await sandboxes.platform({ sandboxId: group }, { timeout: answerDeadline, signal });
        } catch (error) {
          if (isFault(error, "unimplemented")) return describeFault(lacksSandboxes(handler, error));
        }
        return undefined;
      },
      signal,
    );
  } catch (error) {
    return `its shim can't be started: ${describeFault(error)}`;
  }
}

/** @param error what the shim said */
export function lacksSandboxes({ name, program }: ShimHandler, error: Fault): Fault {
  return new Fault("wrongState", `${program} has no sandbox API, which sandboxer = "shim" needs`, {
    cause: error,
    hint: `leave runtime.handlers.${name}.sandboxer out (or set "podsandbox"), or name a shim that has it`,
  });
}

import type { PushProgress } from "../../image/contract.ts";
import { LayerState, type PushImageProgress, type PushImageRequest } from "../../wire/gen/berth.v1.ts";
import { decodeAuth } from "../convert/decode-auth.ts";
import { requireText } from "../convert/field.ts";
import type { ImageTransfer } from "../parts.ts";
import { latestSteps } from "./latest-steps.ts";

/** RPC PushImage of berth's own API: the push's progress, then what stands at the registry. */
export async function* pushImageWithProgress(
  request: PushImageRequest,
  transfer: ImageTransfer,
  signal: AbortSignal,
): AsyncGenerator<PushImageProgress> {
  const image = requireText(request.image, "image");
  const destination = request.destination === "" ? undefined : request.destination;
  const auth = decodeAuth(request.auth, destination ?? image);
  const pushed = yield* latestSteps(
    [],
    (tell, until) => transfer.push({ image, destination, auth }, tell, until),
    {
      keyOf: (step: PushProgress) => (step.phase === "layer" ? step.digest : step.phase),
      encode: encodeProgress,
    },
    signal,
  );
  yield { step: { $case: "pushed", value: pushed } };
}

const states = {
  waiting: LayerState.LAYER_WAITING,
  pushing: LayerState.LAYER_PUSHING,
  done: LayerState.LAYER_DONE,
  present: LayerState.LAYER_PRESENT,
  mounted: LayerState.LAYER_MOUNTED,
} as const;

function encodeProgress(step: PushProgress): PushImageProgress {
  if (step.phase !== "layer") return { step: { $case: step.phase, value: {} } };
  const { digest, state, done, total } = step;
  const value = { digest, state: states[state], doneBytes: BigInt(done), totalBytes: BigInt(total) };
  return { step: { $case: "layer", value } };
}

import type { LayerProgress, PullProgress } from "../../image/contract.ts";
import { LayerState, type PullImageProgress, type PullImageRequest } from "../../wire/gen/berth.v1.ts";
import { decodeAuth } from "../convert/decode-auth.ts";
import { encodeImage } from "../convert/encode-image.ts";
import { requireText } from "../convert/field.ts";
import type { ImageTransfer } from "../parts.ts";
import { latestSteps } from "./latest-steps.ts";

/** RPC PullImage of berth's own API: the pull's progress, then the image. */
export async function* pullImageWithProgress(
  request: PullImageRequest,
  transfer: ImageTransfer,
  signal: AbortSignal,
): AsyncGenerator<PullImageProgress> {
  const reference = requireText(request.reference, "reference");
  const auth = decodeAuth(request.auth, reference);
  const record = yield* latestSteps(
    // Told at once: a pull that another began has left that phase behind.
    [{ phase: "resolving" }],
    (tell, until) => transfer.pull(reference, { auth, namespace: request.namespace }, tell, until),
    {
      keyOf: (step: PullProgress) => (step.phase === "layer" ? step.digest : step.phase),
      encode: encodeProgress,
    },
    signal,
  );
  yield { step: { $case: "image", value: encodeImage(record) } };
}

const layerStates: Readonly<Record<LayerProgress["state"], LayerState>> = {
  waiting: LayerState.LAYER_WAITING,
  fetching: LayerState.LAYER_FETCHING,
  unpacking: LayerState.LAYER_UNPACKING,
  unpacked: LayerState.LAYER_UNPACKED,
  done: LayerState.LAYER_DONE,
  present: LayerState.LAYER_PRESENT,
  provided: LayerState.LAYER_PROVIDED,
};

function encodeProgress(step: PullProgress): PullImageProgress {
  if (step.phase !== "layer") return { step: { $case: step.phase, value: {} } };
  const { digest, state, done, total } = step;
  const value = {
    digest,
    state: layerStates[state],
    doneBytes: BigInt(done),
    totalBytes: BigInt(total),
  };
  return { step: { $case: "layer", value } };
}

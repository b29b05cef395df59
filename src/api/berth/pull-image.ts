import type { LayerProgress, PullProgress } from "../../image/contract.ts";
import { LayerState, type PullImageProgress, type PullImageRequest } from "../../wire/gen/berth.v1.ts";
import { decodeAuth } from "../convert/decode-auth.ts";
import { encodeImage } from "../convert/encode-image.ts";
import { requireText } from "../convert/field.ts";
import type { ImageTransfer } from "../parts.ts";

/**
 * RPC PullImage of berth's own API: the pull's progress, then the image. A reader that is slow gets the latest state
 * of each layer, not all that were.
 */
export async function* pullImageWithProgress(
  request: PullImageRequest,
  transfer: ImageTransfer,
  signal: AbortSignal,
): AsyncGenerator<PullImageProgress> {
  const reference = requireText(request.reference, "reference");
  const auth = decodeAuth(request.auth, reference);
  // By layer, or by phase: a later step of the same one takes the place of one that is still unread.
  const unread = new Map<string, PullProgress>([["resolving", { phase: "resolving" }]]);
  let news = Promise.withResolvers<void>();
  // Told at once: a pull that another began has left that phase behind.
  news.resolve();
  const left = new AbortController();
  const pull = transfer.pull(
    reference,
    { auth },
    (step) => {
      unread.set(step.phase === "layer" ? step.digest : step.phase, step);
      news.resolve();
    },
    AbortSignal.any([signal, left.signal]),
  );
  let over = false;
  const end = () => {
    over = true;
    news.resolve();
  };
  pull.then(end, end);
  try {
    while (!over) {
      await news.promise;
      news = Promise.withResolvers();
      const steps = [...unread.values()];
      unread.clear();
      for (const step of steps) yield encodeProgress(step);
    }
    yield { step: { $case: "image", value: encodeImage(await pull) } };
  } finally {
    left.abort();
  }
}

const layerStates: Readonly<Record<LayerProgress["state"], LayerState>> = {
  waiting: LayerState.LAYER_WAITING,
  fetching: LayerState.LAYER_FETCHING,
  unpacking: LayerState.LAYER_UNPACKING,
  unpacked: LayerState.LAYER_UNPACKED,
  done: LayerState.LAYER_DONE,
  present: LayerState.LAYER_PRESENT,
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

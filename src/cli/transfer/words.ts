import { LayerState } from "../../wire/gen/berth.v1.ts";

/** What a transfer and its states are called. */
export interface TransferWords {
  /** As in "pulling NAME". */
  readonly doing: string;
  readonly committing: string;
  /** By LayerState. */
  readonly layers: Readonly<Record<number, string>>;
}

export const pullWords: TransferWords = {
  doing: "pulling",
  committing: "recording",
  layers: {
    [LayerState.LAYER_WAITING]: "waiting",
    [LayerState.LAYER_FETCHING]: "fetching",
    [LayerState.LAYER_UNPACKING]: "unpacking",
    [LayerState.LAYER_UNPACKED]: "unpacked",
    [LayerState.LAYER_DONE]: "done",
    [LayerState.LAYER_PRESENT]: "here already",
    [LayerState.LAYER_PROVIDED]: "fetched on demand",
  },
};

export const pushWords: TransferWords = {
  doing: "pushing",
  committing: "naming it",
  layers: {
    [LayerState.LAYER_WAITING]: "waiting",
    [LayerState.LAYER_PUSHING]: "pushing",
    [LayerState.LAYER_DONE]: "done",
    [LayerState.LAYER_PRESENT]: "there already",
    [LayerState.LAYER_MOUNTED]: "mounted there",
  },
};

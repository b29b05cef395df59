import type { Asked } from "../load.ts";

/** What `work.ts` is to keep a node busy with. */
export interface LoadOrder {
  readonly seconds: number;
  readonly seed: number;
  readonly withPods: boolean;
  /** The daemon's kernel only claims to write out what is to be safe. */
  readonly lying: boolean;
}

/** What came of it. */
export interface Loaded {
  /** With the numbers of marks in the log instead of positions. */
  readonly asked: readonly Asked[];
  /** The names below the daemon's root before. */
  readonly empty: readonly string[];
  /** What such a daemon warns of where there was no cut. */
  readonly usual: readonly string[];
}

/** What it is to look for after a cut. */
export interface CheckOrder {
  /** Images. */
  readonly promised: readonly string[];
  readonly empty: readonly string[];
}

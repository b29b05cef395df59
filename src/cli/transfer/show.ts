import type { Ms } from "../../base/units.ts";
import { LiveText } from "../output/live-text.ts";
import { printable } from "../output/table.ts";
import { terminalOf } from "../output/terminal.ts";
import { barStyle, transferBars } from "./bars.ts";
import { TransferLines } from "./lines.ts";
import type { TransferProgress } from "./progress.ts";
import type { TransferWords } from "./words.ts";

const redrawEvery: Ms = 100;
const lookEvery: Ms = 1_000;

/** Shows a pull or push on standard error until it is disposed of. */
export interface TransferShow extends Disposable {
  /** Something was told. */
  moved(): void;
}

/** No show at all: what scripts want. */
export const quietShow: TransferShow = { moved: () => undefined, [Symbol.dispose]: () => undefined };

/**
 * Bars on a terminal, sparse lines elsewhere. `progress` is undefined for a runtime that tells nothing before the end:
 * then there is only the time that it has taken.
 */
export function showTransfer(
  words: TransferWords,
  reference: string,
  progress: TransferProgress | undefined,
): TransferShow {
  const name = printable(reference);
  return process.stderr.isTTY ? barShow(words, name, progress) : lineShow(words, name, progress);
}

function barShow(
  words: TransferWords,
  reference: string,
  progress: TransferProgress | undefined,
): TransferShow {
  const live = new LiveText(process.stderr);
  const startedAt = performance.now();
  const bars = barStyle(process.env);
  const draw = () => {
    const now = performance.now();
    const screen = { ...terminalOf(process.stderr), room: live.room };
    live.draw(
      progress === undefined
        ? [`${words.doing} ${reference}  ${Math.floor((now - startedAt) / 1000)} s`]
        : transferBars(reference, progress.view(now), screen, bars, words),
    );
  };
  draw();
  const timer = setInterval(draw, redrawEvery);
  return {
    moved: () => undefined,
    [Symbol.dispose]() {
      clearInterval(timer);
      draw();
      live[Symbol.dispose]();
    },
  };
}

function lineShow(
  words: TransferWords,
  reference: string,
  progress: TransferProgress | undefined,
): TransferShow {
  process.stderr.write(`${words.doing} ${reference}\n`);
  const lines = new TransferLines(words, performance.now());
  const tell = () => {
    const now = performance.now();
    for (const line of progress === undefined ? [] : lines.lines(progress.view(now), now)) {
      process.stderr.write(`${line}\n`);
    }
  };
  const timer = setInterval(tell, lookEvery);
  return {
    moved: tell,
    [Symbol.dispose]() {
      clearInterval(timer);
      tell();
    },
  };
}

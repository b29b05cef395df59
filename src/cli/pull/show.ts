import type { Ms } from "../../base/units.ts";
import { LiveText } from "../output/live-text.ts";
import { printable } from "../output/table.ts";
import { terminalOf } from "../output/terminal.ts";
import { barStyle, pullBars } from "./bars.ts";
import { PullLines } from "./lines.ts";
import type { PullProgress } from "./progress.ts";

const redrawEvery: Ms = 100;
const lookEvery: Ms = 1_000;

/** Shows a pull on standard error until it is disposed of. */
export interface PullShow extends Disposable {
  /** Something was told. */
  moved(): void;
}

/** No show at all: what scripts want. */
export const quietShow: PullShow = { moved: () => undefined, [Symbol.dispose]: () => undefined };

/**
 * Bars on a terminal, sparse lines elsewhere. `progress` is undefined for a runtime that tells nothing before the end:
 * then there is only the time that it has taken.
 */
export function showPull(reference: string, progress: PullProgress | undefined): PullShow {
  const name = printable(reference);
  return process.stderr.isTTY ? barShow(name, progress) : lineShow(name, progress);
}

function barShow(reference: string, progress: PullProgress | undefined): PullShow {
  const live = new LiveText(process.stderr);
  const startedAt = performance.now();
  const bars = barStyle(process.env);
  const draw = () => {
    const now = performance.now();
    const screen = { ...terminalOf(process.stderr), room: live.room };
    live.draw(
      progress === undefined
        ? [`pulling ${reference}  ${Math.floor((now - startedAt) / 1000)} s`]
        : pullBars(reference, progress.view(now), screen, bars),
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

function lineShow(reference: string, progress: PullProgress | undefined): PullShow {
  process.stderr.write(`pulling ${reference}\n`);
  const lines = new PullLines(performance.now());
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

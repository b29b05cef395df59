import type { Bytes } from "../../base/units.ts";
import { LayerState } from "../../wire/gen/berth.v1.ts";
import { hasUtf8, paint, type Style, type Terminal } from "../output/terminal.ts";
import { shortId, size } from "../output/units.ts";
import type { LayerView, TransferView } from "./progress.ts";
import type { TransferWords } from "./words.ts";

/** How bars are drawn: with characters that every terminal has, or finer ones. */
export interface BarStyle {
  readonly full: string;
  readonly empty: string;
}

const fine: BarStyle = { full: "━", empty: "─" };
const plain: BarStyle = { full: "#", empty: "." };

/** Fine bars where the locale has UTF-8. */
export function barStyle(env: NodeJS.ProcessEnv): BarStyle {
  return hasUtf8(env) ? fine : plain;
}

const styles: Readonly<Record<number, Style>> = {
  [LayerState.LAYER_WAITING]: "dim",
  [LayerState.LAYER_FETCHING]: "cyan",
  [LayerState.LAYER_PUSHING]: "cyan",
  [LayerState.LAYER_UNPACKING]: "yellow",
  [LayerState.LAYER_UNPACKED]: "yellow",
  [LayerState.LAYER_DONE]: "green",
};

/** The order in which layers are left out when there is no room for all: what moves is shown. */
const busiest: readonly LayerState[] = [
  LayerState.LAYER_UNPACKING,
  LayerState.LAYER_FETCHING,
  LayerState.LAYER_PUSHING,
  LayerState.LAYER_WAITING,
  LayerState.LAYER_UNPACKED,
  LayerState.LAYER_DONE,
  LayerState.LAYER_MOUNTED,
  LayerState.LAYER_PROVIDED,
  LayerState.LAYER_PRESENT,
];

/** A line for each layer, as many as fit into `room` lines, and one for the whole. */
export function transferBars(
  reference: string,
  view: TransferView,
  screen: Terminal & { readonly room: number },
  bars: BarStyle,
  words: TransferWords,
): string[] {
  const wide = (screen.columns ?? 80) - 1;
  const shown = layersThatFit(view.layers, screen.room - 3);
  const left = view.layers.length - shown.length;
  return [
    paint("bold", cut(reference, wide), screen),
    ...shown.map((layer) => layerLine(layer, wide, screen, bars, words)),
    ...(left === 0 ? [] : [`  and ${left} more`]),
    totalLine(view, wide, screen, bars, words),
  ];
}

function layersThatFit(layers: readonly LayerView[], room: number): readonly LayerView[] {
  if (layers.length <= room) return layers;
  const order = layers.toSorted((one, other) => busiest.indexOf(one.state) - busiest.indexOf(other.state));
  const chosen = new Set(order.slice(0, Math.max(1, room)));
  return layers.filter((layer) => chosen.has(layer));
}

function layerLine(
  layer: LayerView,
  wide: number,
  terminal: Terminal,
  bars: BarStyle,
  words: TransferWords,
): string {
  const { state, done, total } = layer;
  const isThere = state === LayerState.LAYER_PRESENT || state === LayerState.LAYER_PROVIDED;
  const isMoving = state === LayerState.LAYER_FETCHING || state === LayerState.LAYER_PUSHING;
  const fraction = isThere ? 1 : part(done, total);
  const figures = isMoving ? `${size(done)}/${size(total)}` : size(total);
  const word = words.layers[state] ?? "";
  return line(
    shortId(layer.digest).slice(0, 12),
    fraction,
    figures,
    layer.rate,
    paint(styles[state] ?? "dim", word, terminal),
    {
      wide,
      terminal,
      bars,
    },
  );
}

function totalLine(
  view: TransferView,
  wide: number,
  terminal: Terminal,
  bars: BarStyle,
  words: TransferWords,
): string {
  if (view.phase === "resolving") return "  asking the registry";
  const { done, total, rate } = view;
  if (view.layers.length === 0) return "  up to date";
  const ends = { layers: remaining(total - done, rate), committing: words.committing, done: "done" };
  return line("all", part(done, total), `${size(done)}/${size(total)}`, rate, ends[view.phase], {
    wide,
    terminal,
    bars,
  });
}

function line(
  name: string,
  fraction: number,
  figures: string,
  rate: number,
  end: string,
  { wide, terminal, bars }: { wide: number; terminal: Terminal; bars: BarStyle },
): string {
  const fit = columnsFor(wide);
  const speed = rate === 0 ? "" : `${size(Math.round(rate))}/s`;
  const full = Math.round(fraction * fit.bar);
  const bar =
    paint("green", bars.full.repeat(full), terminal) +
    paint("dim", bars.empty.repeat(fit.bar - full), terminal);
  const columns = [
    name.padEnd(nameWidth),
    ...(fit.bar > 0 ? [bar] : []),
    ...(fit.figures ? [figures.padStart(figuresWidth)] : []),
    ...(fit.speed ? [speed.padStart(speedWidth)] : []),
    end,
  ];
  return columns.map((column) => `  ${column}`).join("");
}

const [nameWidth, figuresWidth, speedWidth] = [12, 15, 9];
/** The longest ends are "59 min left" and "mounted there"; where there is room, some more. */
const [endWidth, roomyEnd] = [13, 19];
const [shortestBar, longestBar] = [4, 40];

/** What a line of this width has room for: first the speed is left out, then the bar, then the bytes. */
function columnsFor(wide: number): { bar: number; figures: boolean; speed: boolean } {
  const roomy = wide - (2 + nameWidth + 2 + 2 + figuresWidth + 2 + speedWidth + 2 + roomyEnd);
  if (roomy >= shortestBar) return { bar: Math.min(longestBar, roomy), figures: true, speed: true };
  const narrow = wide - (2 + nameWidth + 2 + 2 + figuresWidth + 2 + endWidth);
  if (narrow >= shortestBar) return { bar: narrow, figures: true, speed: false };
  return { bar: 0, figures: narrow >= -2, speed: false };
}

function part(done: Bytes, total: Bytes): number {
  return total === 0 ? 1 : Math.min(1, done / total);
}

function remaining(bytes: Bytes, rate: number): string {
  if (rate <= 0 || bytes <= 0) return "";
  const seconds = Math.ceil(bytes / rate);
  if (seconds < 60) return `${seconds} s left`;
  return seconds < 3600 ? `${Math.ceil(seconds / 60)} min left` : `${Math.ceil(seconds / 3600)} h left`;
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

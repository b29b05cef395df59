import type { Bytes } from "../../base/units.ts";
import { LayerState } from "../../wire/gen/berth.v1.ts";
import { paint, type Style, type Terminal } from "../output/terminal.ts";
import { shortId, size } from "../output/units.ts";
import type { LayerView, PullView } from "./progress.ts";

/** How bars are drawn: with characters that every terminal has, or finer ones. */
export interface BarStyle {
  readonly full: string;
  readonly empty: string;
}

const fine: BarStyle = { full: "━", empty: "─" };
const plain: BarStyle = { full: "#", empty: "." };

/** Fine bars where the locale has UTF-8 (locale(7)). */
export function barStyle(env: NodeJS.ProcessEnv): BarStyle {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || "";
  return /utf-?8/i.test(locale) ? fine : plain;
}

const words: Readonly<Record<number, readonly [word: string, style: Style]>> = {
  [LayerState.LAYER_WAITING]: ["waiting", "dim"],
  [LayerState.LAYER_FETCHING]: ["fetching", "cyan"],
  [LayerState.LAYER_UNPACKING]: ["unpacking", "yellow"],
  [LayerState.LAYER_UNPACKED]: ["unpacked", "yellow"],
  [LayerState.LAYER_DONE]: ["done", "green"],
  [LayerState.LAYER_PRESENT]: ["here already", "dim"],
};

/** The order in which layers are left out when there is no room for all: what moves is shown. */
const busiest = [
  LayerState.LAYER_UNPACKING,
  LayerState.LAYER_FETCHING,
  LayerState.LAYER_WAITING,
  LayerState.LAYER_UNPACKED,
  LayerState.LAYER_DONE,
  LayerState.LAYER_PRESENT,
];

/** A line for each layer, as many as fit into `room` lines, and one for the whole. */
export function pullBars(
  reference: string,
  view: PullView,
  screen: Terminal & { readonly room: number },
  bars: BarStyle,
): string[] {
  const wide = (screen.columns ?? 80) - 1;
  const shown = layersThatFit(view.layers, screen.room - 3);
  const left = view.layers.length - shown.length;
  return [
    paint("bold", cut(reference, wide), screen),
    ...shown.map((layer) => layerLine(layer, wide, screen, bars)),
    ...(left === 0 ? [] : [`  and ${left} more`]),
    totalLine(view, wide, screen, bars),
  ];
}

function layersThatFit(layers: readonly LayerView[], room: number): readonly LayerView[] {
  if (layers.length <= room) return layers;
  const order = layers.toSorted((one, other) => busiest.indexOf(one.state) - busiest.indexOf(other.state));
  const chosen = new Set(order.slice(0, Math.max(1, room)));
  return layers.filter((layer) => chosen.has(layer));
}

function layerLine(layer: LayerView, wide: number, terminal: Terminal, bars: BarStyle): string {
  const [word, style] = words[layer.state] ?? ["", "dim"];
  const isHere = layer.state === LayerState.LAYER_PRESENT;
  const fraction = isHere ? 1 : part(layer.done, layer.total);
  const figures =
    layer.state === LayerState.LAYER_FETCHING
      ? `${size(layer.done)}/${size(layer.total)}`
      : size(layer.total);
  return line(
    shortId(layer.digest).slice(0, 12),
    fraction,
    figures,
    layer.rate,
    paint(style, word, terminal),
    {
      wide,
      terminal,
      bars,
    },
  );
}

function totalLine(view: PullView, wide: number, terminal: Terminal, bars: BarStyle): string {
  if (view.phase === "resolving") return "  asking the registry";
  const { done, total, rate } = view;
  if (view.layers.length === 0) return "  up to date";
  const ends = { layers: remaining(total - done, rate), committing: "recording", done: "done" };
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
  const speed = rate === 0 ? "" : `${size(Math.round(rate))}/s`;
  const texts = `${figures.padStart(15)}  ${speed.padStart(9)}  `;
  const endWidth = 19;
  const length = Math.max(4, Math.min(40, wide - 2 - 12 - 2 - 2 - texts.length - endWidth));
  const full = Math.round(fraction * length);
  const bar =
    paint("green", bars.full.repeat(full), terminal) +
    paint("dim", bars.empty.repeat(length - full), terminal);
  return `  ${name.padEnd(12)}  ${bar}  ${texts}${end}`;
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

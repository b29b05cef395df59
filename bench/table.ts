import { type Figure, figures, floorFigures } from "./figure-list.ts";
import { markdown } from "./figures.ts";
import type { MeasuredSubject, Results } from "./results.ts";

/** What a heading's %n and %m stand for: readings that are kept beside the figures. */
const placeholders = { "%n": "pods", "%m": "image packed", "%g": "stream bytes", "%s": "streams" };

/** The whole table in Markdown: a part a group, subjects beside each other, and berth's ratios to the best peer. */
export function tableOf(results: Results): string {
  const groups = Map.groupBy(
    figures.filter(({ key }) => results.has(key)),
    ({ group }) => group,
  );
  const parts = [...groups].map(([group, rows]) => groupTable(filled(group, results), rows, results));
  return [head(results), ...parts, floorTable(results)].filter((part) => part !== "").join("\n\n");
}

function head(results: Results): string {
  const versions = results.subjects.map(({ name, version }) => `${name}: ${version}`).join("; ");
  return `${results.machine}. ${versions}. p50 / p99; ratios of p50 to the best peer's.`;
}

function groupTable(group: string, rows: readonly Figure[], results: Results): string {
  const subjects = results.subjects.filter(({ name }) =>
    rows.some(({ key }) => results.count(key, name) > 0),
  );
  const berths = subjects.filter(({ isBerth }) => isBerth);
  const ratios = berths.map(({ name }) =>
    berths.length > 1 ? `ratio, ${name.replace("berth, ", "")}` : "ratio",
  );
  const heading = [group, ...subjects.map(({ name }) => name), ...ratios, "aim"];
  const body = rows.map((figure) => [
    filled(figure.title, results),
    ...subjects.map(({ name }) => cell(figure, name, results)),
    ...berths.map(({ name }) => ratio(figure, name, subjects, results)),
    aim(figure),
  ]);
  return markdown([heading, ...body]);
}

function cell({ key, shown }: Figure, subject: string, results: Results): string {
  const median = results.at(key, subject, 0.5);
  if (median === undefined) return "";
  const p99 = results.at(key, subject, 0.99);
  return shown === "median" || p99 === undefined ? short(median) : `${short(median)} / ${short(p99)}`;
}

/** Of medians, to the peer that does best. */
function ratio(
  figure: Figure,
  berth: string,
  subjects: readonly MeasuredSubject[],
  results: Results,
): string {
  const own = results.at(figure.key, berth, 0.5);
  const peers = subjects
    .filter(({ isBerth }) => !isBerth)
    .flatMap(({ name }) => results.at(figure.key, name, 0.5) ?? []);
  if (own === undefined || peers.length === 0) return "";
  const best = figure.better === "less" ? Math.min(...peers) : Math.max(...peers);
  // Nothing is a ratio to nothing, or to what came out below it.
  return best > 0 && own >= 0 ? (own / best).toFixed(2) : "";
}

function aim({ aim, budget, better }: Figure): string {
  const sign = better === "less" ? "≤" : "≥";
  return aim !== undefined ? `${sign} ${aim}` : budget !== undefined ? `${sign} ${budget} MB` : "";
}

function floorTable(results: Results): string {
  const rows = floorFigures.filter(({ key }) => results.has(key));
  if (rows.length === 0) return "";
  return markdown([
    ["The bare programs (ms)", "p50 / p99"],
    ...rows.map((figure) => [figure.title, cell(figure, floorSubject, results)]),
  ]);
}

/** Under whose name the bare programs' readings are kept. */
export const floorSubject = "bare";

function filled(text: string, results: Results): string {
  return Object.entries(placeholders).reduce(
    (so, [sign, key]) => so.replaceAll(sign, (results.at(key, floorSubject, 0.5) ?? Number.NaN).toFixed(0)),
    text,
  );
}

/** Three digits that count, or all before the point. */
function short(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toFixed(digits);
}

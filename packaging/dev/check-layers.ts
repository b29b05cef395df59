/** Checks who imports whom: the layers of ARCHITECTURE.md, no cycles, tests and the command's own rules. */
import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { parseSync } from "oxc-parser";

/** The folders of `src/`, the lowest row first: a folder imports only from rows below its own. */
const rows: readonly (readonly string[])[] = [
  ["base"],
  ["spec", "config", "metrics"],
  ["wire", "linux"],
  ["content", "metadata", "registry", "events", "copy"],
  ["image", "policy", "encryption", "snapshot", "network", "runtime", "stream", "stats", "nri"],
  ["pod", "container"],
  ["api"],
  ["daemon", "cli"],
];
/** The command must work when the daemon does not. */
const commandMayUse = ["cli", "copy", "wire", "linux", "spec", "config", "base"];

const isTest = (file: string) => /\.test\.ts$|\/testing\/|^(test|bench)\//.test(file);
const folderOf = (file: string) => /^src\/([^/]+)\//.exec(file)?.[1];
const rowOf = (folder: string) => rows.findIndex((row) => row.includes(folder));
/** Siblings of a row meet through contracts, which are types, and whose implementations are passed in. */
const isContract = (file: string) => /^src\/[^/]+\/[a-z-]*contract\.ts$/.test(file);

/** The project's own files that `file` imports, types too. */
function importsOf(file: string): string[] {
  const { module, errors } = parseSync(file, readFileSync(file, "utf8"));
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]?.message}`);
  const text = readFileSync(file, "utf8");
  const specifiers = [
    ...module.staticImports.map(({ moduleRequest }) => moduleRequest.value),
    ...module.staticExports.flatMap(({ entries }) =>
      entries.flatMap(({ moduleRequest }) => (moduleRequest ? [moduleRequest.value] : [])),
    ),
    ...module.dynamicImports.map(({ moduleRequest: { start, end } }) => text.slice(start + 1, end - 1)),
  ];
  const own = specifiers.filter((specifier) => specifier.startsWith(".") && specifier.endsWith(".ts"));
  return [...new Set(own.map((specifier) => normalize(join(dirname(file), specifier))))];
}

/** Why `from` may not import `to`; undefined when it may. */
function refusal(from: string, to: string): string | undefined {
  if (isTest(from)) return undefined;
  if (isTest(to) && !from.startsWith("packaging/dev/")) return "only tests import what is for tests";
  const [own, other] = [folderOf(from), folderOf(to)];
  if (own === undefined || other === undefined || own === other) return undefined;
  if (own === "cli" && !commandMayUse.includes(other))
    return "the command must work when the daemon does not";
  const [ownRow, otherRow] = [rowOf(own), rowOf(other)];
  if (ownRow === -1 || otherRow === -1) return `src/${ownRow === -1 ? own : other} has no row`;
  if (otherRow < ownRow || (otherRow === ownRow && isContract(to))) return undefined;
  return `${own} imports only from the rows below its own, and the contracts of its siblings`;
}

/** The files of a cycle, the first one again at its end; undefined when there is none. */
function findCycle(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const visit = (file: string, way: readonly string[]): string[] | undefined => {
    if (way.includes(file)) return [...way.slice(way.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const next of graph.get(file) ?? []) {
      const cycle = visit(next, [...way, file]);
      if (cycle !== undefined) return cycle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of graph.keys()) {
    const cycle = visit(file, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

const files = globSync(["src/**/*.ts", "bin/*.ts", "test/**/*.ts", "bench/**/*.ts", "packaging/**/*.ts"]);
const graph = new Map(files.map((file) => [file, importsOf(file)]));
const problems = [...graph].flatMap(([from, imports]) =>
  imports.flatMap((to) => {
    const why = graph.has(to) ? refusal(from, to) : "there is no such file";
    return why === undefined ? [] : [`${from} -> ${to}: ${why}`];
  }),
);
const cycle = findCycle(graph);
if (cycle !== undefined) problems.push(`a cycle: ${cycle.join(" -> ")}`);
for (const problem of problems) process.stderr.write(`${problem}\n`);
if (files.length === 0) problems.push("no files were found");
process.exitCode = problems.length === 0 ? 0 : 1;

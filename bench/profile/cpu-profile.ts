/** A CPU profile as V8 writes it (Chrome DevTools protocol, Profiler.Profile): samples, and the tree of calls they fell in. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  /** Between a sample and the one before it, in µs. */
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

/** Milliseconds of a function or a folder: in it, and with what it called. */
export interface Share {
  readonly name: string;
  readonly selfMs: number;
  readonly totalMs: number;
}

/** Where a thread waited for something to do. */
const waiting = new Set(["(idle)", "(root)"]);

/** Sums of several profiles. */
export class Shares {
  readonly functions = new Map<string, { self: number; total: number }>();
  readonly folders = new Map<string, { self: number; total: number }>();

  /** @returns how long the thread was busy, in ms */
  add(profile: CpuProfile): number {
    const selfOf = selfTimes(profile);
    const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
    const children = new Set(profile.nodes.flatMap(({ children = [] }) => children));
    const roots = profile.nodes.filter(({ id }) => !children.has(id));
    const walk = (node: ProfileNode, above: ReadonlySet<string>): number => {
      const name = functionName(node);
      if (waiting.has(name) && node.children === undefined) return 0;
      const folder = folderOf(node);
      const below = new Set(above).add(name).add(folder);
      const self = waiting.has(name) ? 0 : (selfOf.get(node.id) ?? 0);
      const total = (node.children ?? []).reduce((sum, id) => {
        const child = nodes.get(id);
        return child === undefined ? sum : sum + walk(child, below);
      }, self);
      // A function that called itself counts once.
      note(this.functions, name, self, above.has(name) ? 0 : total);
      note(this.folders, folder, self, above.has(folder) ? 0 : total);
      return total;
    };
    return roots.reduce((sum, root) => sum + walk(root, new Set()), 0);
  }
}

function note(sums: Map<string, { self: number; total: number }>, name: string, self: number, total: number) {
  const sum = sums.get(name) ?? { self: 0, total: 0 };
  sums.set(name, { self: sum.self + self, total: sum.total + total });
}

/** Those with the most, by `self` or by `total`. */
export function most(
  sums: ReadonlyMap<string, { readonly self: number; readonly total: number }>,
  by: "self" | "total",
  count: number,
): Share[] {
  return [...sums]
    .filter(([name]) => !waiting.has(name))
    .toSorted(([, a], [, b]) => b[by] - a[by])
    .slice(0, count)
    .map(([name, { self, total }]) => ({ name, selfMs: self, totalMs: total }));
}

/** Milliseconds of each node itself. */
function selfTimes({ samples, timeDeltas }: CpuProfile): Map<number, number> {
  const times = new Map<number, number>();
  // A sample stands for the time until the next one.
  for (const [index, id] of samples.entries())
    times.set(id, (times.get(id) ?? 0) + (timeDeltas[index + 1] ?? 0) / 1000);
  return times;
}

function functionName({ callFrame: { functionName, url, lineNumber } }: ProfileNode): string {
  const name = functionName === "" ? "(anonymous)" : functionName;
  return url === "" ? name : `${name} ${fileOf(url)}:${lineNumber + 1}`;
}

/** From the tree's root on: `src/pod/run.ts`, `node_modules/…`, `node:fs`. */
function fileOf(url: string): string {
  return /(?:^|\/)((?:src|node_modules|bin)\/.*)$/.exec(url)?.[1] ?? url;
}

/** `src/pod`, `@grpc/grpc-js`, `node`, or what V8 does itself. */
function folderOf({ callFrame: { functionName, url } }: ProfileNode): string {
  const file = fileOf(url);
  if (url === "") return functionName.startsWith("(") ? functionName : "native code";
  if (url.startsWith("node:")) return "node";
  const parts = file.split("/");
  const scoped = parts[1]?.startsWith("@") === true;
  return parts[0] === "node_modules" ? parts.slice(1, scoped ? 3 : 2).join("/") : parts.slice(0, 2).join("/");
}

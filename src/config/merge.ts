import { lineOfKey } from "../base/key-line.ts";
import { nearest, sameName } from "../base/nearest.ts";
import type { Named, Section, Setting } from "./settings.ts";

/** Where each setting's value came from, by its path (`network.confDir`): a file, an option, or "default". */
export type Origins = Map<string, string>;

/** One source of settings, decoded: a file, or the options of the command. */
export interface Layer {
  readonly source: string;
  readonly values: unknown;
  /** What the values were decoded from, when it is TOML: mistakes are told with their line. */
  readonly text?: string;
}

/** What a merge writes to as it goes. */
interface Outcome {
  readonly origins: Origins;
  readonly problems: string[];
}

type AnyNode = Setting<unknown> | Section<Record<string, unknown>> | Named<Record<string, unknown>>;

/**
 * Lays the layers over the defaults, the last one on top: tables key by key, lists and values as a whole.
 * `problems` holds a line for every value that was refused.
 */
export function mergeLayers<T>(root: Section<T>, layers: readonly Layer[]): Outcome & { config: T } {
  const origins: Origins = new Map();
  const problems: string[] = [];
  const shape = root as unknown as Section<Record<string, unknown>>;
  const config = defaultsOf(shape, "", origins) as Record<string, unknown>;
  for (const { source, values, text } of layers) {
    mergeSection(shape, config, values, { path: "", source, text, outcome: { origins, problems } });
  }
  return { config: config as T, origins, problems };
}

function defaultsOf(node: AnyNode, path: string, origins: Origins): unknown {
  if (node.kind === "setting") {
    origins.set(path, "default");
    return structuredClone(node.default);
  }
  const children: [string, AnyNode][] =
    node.kind === "named"
      ? node.names.map((name) => [name, node.section(name)])
      : (Object.entries(node.keys) as [string, AnyNode][]);
  const entries = children.map(([key, child]) => [key, defaultsOf(child, joinPath(path, key), origins)]);
  return Object.fromEntries(entries);
}

interface At {
  readonly path: string;
  readonly source: string;
  readonly text: string | undefined;
  readonly outcome: Outcome;
}

/** Notes what is wrong with the value at `path`, and where it stands. */
function refuse({ source, text, outcome }: At, path: string, why: string): void {
  const line = text === undefined ? undefined : lineOfKey(text, path);
  outcome.problems.push(`${source}${line === undefined ? "" : `:${line}`}: ${why}`);
}

/** True for a table; of anything else it is noted that it is none. */
function acceptTable(values: unknown, at: At): values is Record<string, unknown> {
  if (isTable(values)) return true;
  refuse(at, at.path, `${at.path} must be a table, not ${describe(values)}`);
  return false;
}

function mergeSection(
  section: Section<Record<string, unknown>>,
  target: Record<string, unknown>,
  values: unknown,
  at: At,
): void {
  if (!acceptTable(values, at)) return;
  const keys = section.keys as Readonly<Record<string, AnyNode>>;
  for (const [key, value] of Object.entries(values)) {
    const path = joinPath(at.path, key);
    const child = Object.hasOwn(keys, key) ? keys[key] : undefined;
    if (child === undefined) {
      const guess = meant(key, at.path, Object.keys(keys), at.outcome.origins);
      const hint = guess === undefined ? "" : `; did you mean ${guess}?`;
      refuse(at, path, `there is no setting ${path}${hint}`);
    } else mergeValue(child, target, key, value, { ...at, path });
  }
}

function mergeValue(
  node: AnyNode,
  target: Record<string, unknown>,
  key: string,
  value: unknown,
  at: At,
): void {
  if (node.kind === "section") mergeSection(node, target[key] as Record<string, unknown>, value, at);
  else if (node.kind === "named") mergeNamed(node, target[key] as Record<string, unknown>, value, at);
  else {
    const read = node.reader.read(value);
    if (read === undefined) {
      refuse(at, at.path, `${at.path} must be ${node.reader.expected}, not ${describe(value)}`);
      return;
    }
    target[key] = read;
    at.outcome.origins.set(at.path, at.source);
  }
}

function mergeNamed(
  node: Named<Record<string, unknown>>,
  target: Record<string, unknown>,
  values: unknown,
  at: At,
): void {
  if (!acceptTable(values, at)) return;
  for (const [name, value] of Object.entries(values)) {
    const path = joinPath(at.path, name);
    if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(name) || name === "__proto__") {
      refuse(at, path, `${path}: a name is made of letters, digits, "-" and "."`);
      continue;
    }
    if (!Object.hasOwn(target, name)) {
      target[name] = defaultsOf(node.section(name) as AnyNode, path, at.outcome.origins);
    }
    mergeSection(node.section(name), target[name] as Record<string, unknown>, value, { ...at, path });
  }
}

/** A setting of this table with nearly that name, or one with just that name elsewhere. */
function meant(key: string, path: string, siblings: readonly string[], origins: Origins): string | undefined {
  const sibling = nearest(key, siblings);
  if (sibling !== undefined) return joinPath(path, sibling);
  return [...origins.keys()].find((known) => sameName(key, known.slice(known.lastIndexOf(".") + 1)));
}

function joinPath(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function describe(value: unknown): string {
  if (isTable(value)) return "a table";
  const shown = value instanceof Date ? value.toISOString() : JSON.stringify(value);
  return shown.length > 60 ? `${shown.slice(0, 57)}...` : shown;
}

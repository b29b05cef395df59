import { type Command, InvalidArgumentError } from "commander";
import { pairs, parseCount, repeated } from "./options.ts";

/** What the lists of containers and of pods are narrowed by, as crictl's users know it. */
export interface Selection {
  readonly id?: string;
  readonly name?: RegExp;
  readonly namespace?: RegExp;
  readonly label?: readonly string[];
  readonly latest?: boolean;
  readonly last?: number;
}

/** The options of a `Selection`. */
export function addSelection(command: Command, what: "containers" | "pods"): Command {
  return command
    .option("--id <id>", `only ${what} whose id begins so`)
    .option("--name <pattern>", `only ${what} whose name fits this regular expression`, parsePattern)
    .option(
      "--namespace <pattern>",
      "only what is in Kubernetes namespaces that fit this regular expression",
      parsePattern,
    )
    .option("--label <key=value>", `only ${what} with this label (repeatable)`, repeated)
    .option("-l, --latest", "only the newest one, in whatever state")
    .option("-n, --last <count>", "only so many of the newest, in whatever state; 0 is all", parseCount);
}

/** True when the newest are asked for: then their state does not matter. */
export function asksForNewest({ latest, last }: Selection): boolean {
  return latest === true || last !== undefined;
}

interface Selectable {
  readonly id: string;
  readonly createdAt: bigint;
  readonly metadata?: { readonly name: string } | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

/** What fits all of it, newest first. */
export function select<T extends Selectable>(
  items: readonly T[],
  { id, name, namespace, label, latest, last = 0 }: Selection,
  namespaceOf: (item: T) => string,
): T[] {
  const labels = Object.entries(pairs(label?.flatMap((text) => text.split(","))));
  const fit = items
    .filter((item) => id === undefined || item.id.startsWith(id))
    .filter((item) => name === undefined || name.test(item.metadata?.name ?? ""))
    .filter((item) => namespace === undefined || namespace.test(namespaceOf(item)))
    .filter((item) => labels.every(([key, value]) => item.labels[key] === value))
    .sort((one, other) => (one.createdAt < other.createdAt ? 1 : one.createdAt > other.createdAt ? -1 : 0));
  const count = latest ? 1 : last;
  return count === 0 ? fit : fit.slice(0, count);
}

/** @throws {InvalidArgumentError} */
export function parsePattern(text: string): RegExp {
  try {
    return new RegExp(text, "u");
  } catch {
    throw new InvalidArgumentError("that is no regular expression");
  }
}

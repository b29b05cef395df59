/** The one of `names` that `name` was most likely meant to be, or undefined when none comes near. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  const plain = normalise(name);
  let best: { name: string; distance: number } | undefined;
  for (const candidate of names) {
    const other = normalise(candidate);
    const isCut = plain.length > 2 && other.startsWith(plain);
    const distance = isCut ? 0 : editDistance(plain, other);
    if (best === undefined || distance < best.distance) best = { name: candidate, distance };
  }
  const allowed = Math.ceil(plain.length / 3);
  return best !== undefined && best.distance <= allowed ? best.name : undefined;
}

/** True when both are the same but for case, hyphens and underscores. */
export function sameName(one: string, other: string): boolean {
  return normalise(one) === normalise(other);
}

/** `conf_dir`, `conf-dir` and `ConfDir` are all meant as `confDir`. */
function normalise(name: string): string {
  return name.slice(0, 64).toLowerCase().replaceAll(/[-_]/g, "");
}

/** Levenshtein's: insertions, deletions and replacements that turn one into the other. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [index, char] of [...from].entries()) {
    const next = [index + 1];
    for (const [column, other] of [...to].entries()) {
      const replaced = (row[column] ?? 0) + (char === other ? 0 : 1);
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

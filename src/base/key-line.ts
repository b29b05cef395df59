/** A TOML table's heading, `[a.b]` or `[[a.b]]`. */
const heading = /^\s*\[\[?\s*((?:"[^"]*"|'[^']*'|[^\]"'])+?)\s*\]\]?\s*(#.*)?$/;
const assignment = /^\s*((?:"[^"]*"|'[^']*'|[\w. -])+?)\s*=/;

/**
 * The line (from 1 on) of a TOML text that sets the key at `path` (`network.confDir`): for messages, as the parser does
 * not tell where a key stood. A key within an inline table is told by the line of that table; undefined when not found.
 */
export function lineOfKey(text: string, path: string): number | undefined {
  let table = "";
  let nearest: number | undefined;
  for (const [index, line] of text.split("\n").entries()) {
    const named = heading.exec(line)?.[1];
    if (named !== undefined) table = bare(named);
    const key = named === undefined ? assignment.exec(line)?.[1] : undefined;
    if (named === undefined && key === undefined) continue;
    const at = key === undefined ? table : [table, bare(key)].filter((part) => part !== "").join(".");
    if (at === path) return index + 1;
    if (path.startsWith(`${at}.`)) nearest = index + 1;
  }
  return nearest;
}

/** A dotted key without quotes and the blanks around its dots. */
function bare(key: string): string {
  return key.replaceAll(/["']/g, "").replaceAll(/\s*\.\s*/g, ".");
}

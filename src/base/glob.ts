/**
 * A pattern as Go's path.Match has them, in which other runtimes' settings are written: `*` is anything but slashes, `?` one
 * character but a slash, `[a-z]` and `[^a-z]` one of some, a backslash takes the meaning off what follows.
 *
 * @returns undefined for what is no pattern
 */
export function parseGlob(pattern: string): RegExp | undefined {
  let source = "";
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern.charAt(at);
    if (char === "*") source += "[^/]*";
    else if (char === "?") source += "[^/]";
    else if (char === "[") {
      const [whole, negated = "", set] = /^\[(\^?)((?:\\.|[^\\\]])+)\]/u.exec(pattern.slice(at)) ?? [];
      if (whole === undefined || set === undefined) return undefined;
      source += `[${negated}${set.replaceAll("[", "\\[")}]`;
      at += whole.length - 1;
    } else if (char === "\\") {
      at++;
      if (at === pattern.length) return undefined;
      source += RegExp.escape(pattern.charAt(at));
    } else source += RegExp.escape(char);
  }
  try {
    return new RegExp(`^${source}$`, "s");
  } catch {
    return undefined; // a range that runs backwards
  }
}

/** True when one of the patterns fits the text. Patterns that are none fit nothing. */
export function matchesAny(patterns: readonly string[], text: string): boolean {
  return patterns.some((pattern) => parseGlob(pattern)?.test(text) ?? false);
}

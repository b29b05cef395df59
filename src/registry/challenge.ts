/** One way in which a server asks for proof (RFC 9110, 11.6.1: WWW-Authenticate). */
export interface Challenge {
  /** Lower case: `bearer`, `basic`. */
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const headerMax = 16_384;
const token = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const quoted = /"((?:[^"\\\p{Cc}]|\\\P{Cc})*)"/uy;
const gap = /[ \t]*/y;
const commas = /[ \t,]*/y;
const token68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y;

/**
 * Reads the WWW-Authenticate headers of an answer, joined by commas as Node gives them. A header that breaks
 * the grammar ends the reading: what came before it counts.
 */
export function parseChallenges(header: string): Challenge[] {
  const challenges: Challenge[] = [];
  if (header.length > headerMax) return challenges;
  let at = 0;
  const take = (form: RegExp): RegExpExecArray | null => {
    form.lastIndex = at;
    const found = form.exec(header);
    if (found !== null) at = form.lastIndex;
    return found;
  };
  take(commas);
  while (at < header.length) {
    const scheme = take(token);
    if (scheme === null || (at < header.length && !/[ \t,]/.test(header.charAt(at)))) return challenges;
    const parameters = new Map<string, string>();
    take(gap);
    if (!isParameter(header, at)) take(token68);
    if (!readParameters(header, take, () => at, parameters)) return challenges;
    challenges.push({ scheme: scheme[0].toLowerCase(), parameters });
    take(commas);
  }
  return challenges;
}

/** Reads `name=value` pairs up to the next scheme. @returns false when the grammar is broken */
function readParameters(
  header: string,
  take: (form: RegExp) => RegExpExecArray | null,
  position: () => number,
  into: Map<string, string>,
): boolean {
  for (;;) {
    take(commas);
    if (!isParameter(header, position())) return true;
    const name = take(token)?.[0].toLowerCase();
    take(/[ \t]*=[ \t]*/y);
    const value = take(quoted)?.[1]?.replace(/\\(.)/g, "$1") ?? take(token)?.[0];
    // A parameter that comes twice could be read in two ways by two readers.
    if (name === undefined || value === undefined || into.has(name)) return false;
    into.set(name, value);
    take(gap);
    const next = header.charAt(position());
    if (next !== "," && next !== "") return false;
  }
}

function isParameter(header: string, at: number): boolean {
  const form = /[!#$%&'*+.^_`|~0-9A-Za-z-]+[ \t]*=[ \t]*(?=["!#$%&'*+.^_`|~0-9A-Za-z-])/y;
  form.lastIndex = at;
  return form.test(header);
}

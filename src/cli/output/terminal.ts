/** What a text may hold where it is shown: a terminal that a person watches, or a pipe or file for a program. */
export interface Terminal {
  readonly colours: boolean;
  /** How many characters a line has; undefined where nobody watches: nothing is cut or broken then. */
  readonly columns: number | undefined;
}

/** What a stream must tell to be judged. */
export interface OutputStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** A terminal that tells no width, or an absurd one. */
const usualColumns = 80;
const fewestColumns = 20;

/**
 * What may be shown on `stream`. Colours: NO_COLOR forbids them, CLICOLOR_FORCE and FORCE_COLOR ask for them even in a
 * pipe (all but "0"; no-color.org, bixense.com/clicolors), else a terminal has them unless TERM is "dumb" or CLICOLOR
 * is "0".
 */
export function terminalOf(stream: OutputStream, env: NodeJS.ProcessEnv = process.env): Terminal {
  const watched = stream.isTTY === true;
  const columns = stream.columns ?? 0;
  const width = columns >= fewestColumns ? columns : usualColumns;
  return { colours: mayPaint(watched, env), columns: watched ? width : undefined };
}

/** True where the locale has UTF-8 (locale(7)). */
export function hasUtf8(env: NodeJS.ProcessEnv): boolean {
  return /utf-?8/i.test(env.LC_ALL || env.LC_CTYPE || env.LANG || "");
}

function mayPaint(watched: boolean, env: NodeJS.ProcessEnv): boolean {
  const isSet = (name: string) => env[name] !== undefined && env[name] !== "";
  if (isSet("NO_COLOR")) return false;
  for (const name of ["CLICOLOR_FORCE", "FORCE_COLOR"]) {
    if (isSet(name) && env[name] !== "0") return true;
  }
  return watched && env.TERM !== "dumb" && env.CLICOLOR !== "0" && env.FORCE_COLOR !== "0";
}

/** SGR parameters (ECMA-48, 8.3.117): what starts a style and what ends it. */
const styles = {
  bold: [1, 22],
  dim: [2, 22],
  underlined: [4, 24],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const;

export type Style = keyof typeof styles;

/** `text` in that style where colours may be shown, else as it is. */
export function paint(style: Style, text: string, { colours }: Pick<Terminal, "colours">): string {
  const [on, off] = styles[style];
  return colours && text !== "" ? `\u001b[${on}m${text}\u001b[${off}m` : text;
}

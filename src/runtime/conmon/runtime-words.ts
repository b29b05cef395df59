/** What one error may take in a message: a runtime's own are a line or two. */
const maxWords = 2000;

/**
 * The errors in what an OCI runtime wrote, on one line. Lines of `--log-format=json` count by their level; other lines
 * (what conmon or a library printed) count as they are.
 */
export function wordsOf(output: string): string {
  const said: string[] = [];
  for (const line of output.split("\n")) {
    const words = wordsOfLine(line.trim());
    if (words !== undefined && words !== "" && !said.includes(words)) said.push(words);
  }
  return said.join("; ").slice(0, maxWords);
}

function wordsOfLine(line: string): string | undefined {
  if (!line.startsWith("{")) return line;
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch {
    return line;
  }
  if (entry === null || typeof entry !== "object" || !("msg" in entry)) return line;
  const level = "level" in entry ? entry.level : "error";
  if (level !== "error" && level !== "fatal" && level !== "panic") return undefined;
  return typeof entry.msg === "string" ? entry.msg.trim().replaceAll("\n", "; ") : line;
}

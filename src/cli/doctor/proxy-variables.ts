import { readFileSync } from "node:fs";

const names = /^(https?|no)_proxy$/i;

/**
 * The variables that say which proxy registries are asked through: the daemon's, which may have others than this shell;
 * this process's own when no pid is given, or when that one may not be looked into.
 */
export function proxyVariables(pid: number | undefined): NodeJS.ProcessEnv {
  const own = Object.entries(process.env);
  const all = pid === undefined ? own : (environmentOf(pid) ?? own);
  return Object.fromEntries(all.filter(([name]) => names.test(name)));
}

function environmentOf(pid: number): [string, string][] | undefined {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8")
      .split("\0")
      .map((variable) => {
        const at = variable.indexOf("=");
        return [variable.slice(0, at), variable.slice(at + 1)];
      });
  } catch {
    return undefined;
  }
}

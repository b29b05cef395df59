import type { Handler } from "./handlers.ts";

/**
 * Why a handler's pods can't be in the node's network; undefined: they can, as far as is known. A sandbox of runsc's that has a network
 * of its own, as without being told otherwise, has none in a pod that is to be in the node's: nothing but a loopback, without a word.
 */
export function nodeNetworkProblem({ kind, args }: Pick<Handler, "kind" | "args">): string | undefined {
  if (kind !== "runsc" || networkOf(args) === "host") return undefined;
  return 'its sandboxes have networks of their own, unless it is told options.network = "host"';
}

/** By its flag, the last if there are several; undefined: there is none. */
function networkOf(args: readonly string[]): string | undefined {
  const at = args.findLastIndex((arg) => /^--?network(=|$)/.test(arg));
  const flag = args[at];
  return flag?.includes("=") ? flag.slice(flag.indexOf("=") + 1) : flag && args[at + 1];
}

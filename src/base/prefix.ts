import { Fault } from "./fault.ts";

/**
 * Finds the one object that `id` names: by its whole id, or by a prefix that only one has.
 *
 * @param what the kind of object, for the error: "pod sandbox", "container"
 * @returns undefined when there is none
 * @throws {Fault} invalid when `id` is empty, or a prefix of several (which are named)
 */
export function findByPrefix<T extends { readonly id: string }>(
  what: string,
  id: string,
  exact: (id: string) => T | undefined,
  all: () => Iterable<T>,
): T | undefined {
  if (id === "") throw new Fault("invalid", `the ${what}'s id is empty`);
  const found = exact(id);
  if (found !== undefined || id.length >= 64) return found;
  const matches: T[] = [];
  for (const object of all()) if (object.id.startsWith(id)) matches.push(object);
  if (matches.length > 1) {
    const named = matches.slice(0, 5).map((object) => object.id.slice(0, id.length + 8));
    const more = matches.length > 5 ? ` and ${matches.length - 5} more` : "";
    throw new Fault(
      "invalid",
      `"${id}" could be any of ${matches.length} ${what} ids: ${named.join(", ")}${more}`,
    );
  }
  return matches[0];
}

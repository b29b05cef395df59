/**
 * A strategic merge as far as a kubelet's patches of statuses need it: objects are merged, lists of conditions by their type,
 * other lists replaced, and null takes a field away.
 */
export function merged(there: unknown, change: unknown): unknown {
  if (change === undefined) return there;
  if (isList(there) && isList(change)) return mergedList(there, change);
  if (!isObject(there) || !isObject(change)) return change;
  const result: Record<string, unknown> = { ...there };
  for (const [key, value] of Object.entries(change)) {
    if (key.startsWith("$")) continue; // directives, of the order of lists
    if (value === null) delete result[key];
    else result[key] = merged(there[key], value);
  }
  return result;
}

function mergedList(there: readonly unknown[], change: readonly unknown[]): unknown[] {
  const typeOf = (item: unknown) => (isObject(item) ? item.type : undefined);
  if (![...there, ...change].every((item) => typeof typeOf(item) === "string")) return [...change];
  const byType = new Map(there.map((item) => [typeOf(item), item]));
  for (const item of change) byType.set(typeOf(item), merged(byType.get(typeOf(item)), item));
  return [...byType.values()];
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Names with values, as plugins change them. */
export function editTable<Value>(
  before: Readonly<Record<string, Value>>,
  changes: Readonly<Record<string, Value>>,
): Record<string, Value> {
  const removed = new Set(
    Object.keys(changes).map((name) => (name.startsWith("-") ? name.slice(1) : undefined)),
  );
  const kept = Object.entries(before).filter(([name]) => !removed.has(name));
  const set = Object.entries(changes).filter(([name]) => !name.startsWith("-"));
  return Object.fromEntries([...kept, ...set]);
}

/** Where JSON has the same key twice in one object: to `JSON.parse` the last one counts, to others the first. */
export interface DuplicateKey {
  /** As in `transports.docker`, of the object. */
  readonly path: string;
  readonly key: string;
}

/** JSON that means one thing only. @throws {SyntaxError} for what is no JSON, or has a key twice */
export function parseStrictJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  const duplicate = findDuplicateKey(text);
  if (duplicate === undefined) return value;
  const place = duplicate.path === "" ? "" : ` in ${duplicate.path}`;
  throw new SyntaxError(`the key ${JSON.stringify(duplicate.key.slice(0, 100))} is there twice${place}`);
}

interface Open {
  /** Undefined for a list. */
  readonly keys: Set<string> | undefined;
  /** The key or index at which the reading stands. */
  at: string;
  items: number;
}

/** `text` is known to be JSON. */
function findDuplicateKey(text: string): DuplicateKey | undefined {
  const open: Open[] = [];
  let last: string | undefined;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:,]/g)) {
    const top = open.at(-1);
    if (token === "{" || token === "[") {
      open.push({ keys: token === "{" ? new Set() : undefined, at: token === "[" ? "0" : "", items: 0 });
    } else if (token === "}" || token === "]") open.pop();
    else if (token === "," && top !== undefined && top.keys === undefined) top.at = `${++top.items}`;
    else if (token === ":" && top?.keys !== undefined && last !== undefined) {
      const key = JSON.parse(last) as string;
      if (top.keys.has(key)) return { path: pathOf(open.slice(0, -1)), key };
      top.keys.add(key);
      top.at = key;
    }
    last = token.startsWith('"') ? token : undefined;
  }
  return undefined;
}

function pathOf(open: readonly Open[]): string {
  return keyPath(open.map(({ at, keys }) => (keys === undefined ? Number(at) : at)));
}

/** A place in a document as people write it: `transports.docker["quay.io/ns"][0]`. */
export function keyPath(keys: readonly (string | number)[]): string {
  return keys
    .map((key, index) => {
      if (typeof key === "number") return `[${key}]`;
      if (!/^[A-Za-z_][\w-]*$/.test(key)) return `[${JSON.stringify(key)}]`;
      return index === 0 ? key : `.${key}`;
    })
    .join("");
}

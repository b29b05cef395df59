import type { MountEntry } from "./contract.ts";

/** Undoes the octal escapes of mountinfo (`\040` for a space), which stand for single bytes. */
function unescapeField(field: string): string {
  if (!field.includes("\\")) return field;
  const bytes = Buffer.from(field, "latin1");
  const out: number[] = [];
  for (let at = 0; at < bytes.length; at++) {
    const escaped = bytes[at] === 0x5c ? field.slice(at + 1, at + 4) : "";
    if (/^[0-3][0-7]{2}$/.test(escaped)) {
      out.push(Number.parseInt(escaped, 8));
      at += 3;
    } else {
      out.push(bytes[at] ?? 0);
    }
  }
  return Buffer.from(out).toString("latin1");
}

function field(text: string | undefined): string {
  return Buffer.from(unescapeField(text ?? ""), "latin1").toString("utf8");
}

/**
 * Reads /proc/<pid>/mountinfo (proc(5)). Between the options and the ` - ` stand any number of optional
 * fields, of which `shared:` alone counts. Lines of another form are left out.
 */
export function parseMountinfo(text: Uint8Array): MountEntry[] {
  const entries: MountEntry[] = [];
  for (const line of Buffer.from(text.buffer, text.byteOffset, text.byteLength)
    .toString("latin1")
    .split("\n")) {
    const fields = line.split(" ");
    const dash = fields.indexOf("-", 6);
    if (dash < 0) continue;
    entries.push({
      id: Number(fields[0]),
      parent: Number(fields[1]),
      root: field(fields[3]),
      target: field(fields[4]),
      options: fields[5] ?? "",
      type: field(fields[dash + 1]),
      source: field(fields[dash + 2]),
      superOptions: field(fields[dash + 3]),
      isShared: fields.slice(6, dash).some((tag) => tag.startsWith("shared:")),
    });
  }
  return entries;
}

/**
 * The entries at or below `directory`, each before the mount that it is mounted on: the order to unmount in.
 */
export function mountsBelow(entries: readonly MountEntry[], directory: string): MountEntry[] {
  const prefix = directory.endsWith("/") ? directory : `${directory}/`;
  const found = entries.filter(({ target }) => target === directory || target.startsWith(prefix));
  const byId = new Map(found.map((entry) => [entry.id, entry]));
  const depths = new Map<number, number>();
  const depthOf = (entry: MountEntry): number => {
    const known = depths.get(entry.id);
    if (known !== undefined) return known;
    depths.set(entry.id, 0); // ends a ring, which the kernel does not make
    const parent = byId.get(entry.parent);
    const depth = parent === undefined ? 0 : depthOf(parent) + 1;
    depths.set(entry.id, depth);
    return depth;
  };
  return found.toSorted(
    (a, b) => depthOf(b) - depthOf(a) || b.target.length - a.target.length || b.id - a.id,
  );
}

/** The mount that holds `path`: the last one made at the nearest directory above it. */
export function mountHolding(entries: readonly MountEntry[], path: string): MountEntry | undefined {
  const holds = ({ target }: MountEntry) =>
    target === "/" || path === target || path.startsWith(`${target}/`);
  return entries
    .filter(holds)
    .reduce<MountEntry | undefined>(
      (best, entry) => (best === undefined || entry.target.length >= best.target.length ? entry : best),
      undefined,
    );
}

type MountOptions = Pick<MountEntry, "options" | "superOptions">;

/** True if nothing can be written by this mount. */
export function isReadOnly(mount: MountOptions): boolean {
  const { options, superOptions } = mount;
  return [options, superOptions].some((list) => list.split(",").includes("ro")) || hasGivenUp(mount);
}

/** True of a file system that gave up on its disk and says so in options of its own. */
export function hasGivenUp({ superOptions }: MountOptions): boolean {
  const options = superOptions.split(",");
  return options.includes("emergency_ro") || options.includes("shutdown");
}

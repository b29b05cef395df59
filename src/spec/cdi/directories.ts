import { type BigIntStats, constants } from "node:fs";
import { open, readdir, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { describeFault, Fault } from "../../base/fault.ts";
import type { Bytes } from "../../base/units.ts";
import type { CdiEdits, CdiSpec } from "./format.ts";
import { parseCdiSpec } from "./parse.ts";

/** A device that can be asked for. */
export interface CdiDevice {
  readonly file: string;
  readonly edits: CdiEdits;
  /** Of all devices of its file: made once, however many of these a container has. */
  readonly fileEdits: CdiEdits;
}

/** What can't be used, and why. */
export interface CdiProblem {
  /** A file or a directory. */
  readonly path: string;
  readonly why: string;
}

/** What the directories say now. */
export interface CdiState {
  /** By full name, `vendor.com/class=device`. */
  readonly devices: ReadonlyMap<string, CdiDevice>;
  readonly problems: readonly CdiProblem[];
}

/** NVIDIA's for a large node is some 100 KB. */
const maxFileSize: Bytes = 4 * 2 ** 20;

type Loaded = { readonly spec: CdiSpec } | { readonly why: string };

/**
 * The CDI files of some directories, of which a later one is stronger: its device hides one of the same name. Each read
 * looks at the directories, and reads again what has changed.
 */
export class CdiDirectories {
  readonly directories: readonly string[];
  #loaded = new Map<string, { readonly fingerprint: string; readonly loaded: Loaded }>();

  constructor(directories: readonly string[]) {
    this.directories = directories;
  }

  /** Whatever is wrong is among the problems. */
  async read(): Promise<CdiState> {
    const problems: CdiProblem[] = [];
    const devices = new Map<string, CdiDevice>();
    const known = new Map<string, { readonly fingerprint: string; readonly loaded: Loaded }>();
    for (const directory of this.directories) {
      const own = new Map<string, CdiDevice[]>();
      for (const file of await filesOf(directory, problems)) {
        const entry = await this.#load(file);
        if (entry === undefined) continue; // gone since it was listed
        known.set(file, entry);
        if ("why" in entry.loaded) problems.push({ path: file, why: entry.loaded.why });
        else addDevices(own, file, entry.loaded.spec);
      }
      for (const [name, found] of own) settle(name, found, devices, problems);
    }
    this.#loaded = known;
    return { devices, problems };
  }

  async #load(file: string) {
    try {
      const fingerprint = fingerprintOf(await stat(file, { bigint: true }));
      const before = this.#loaded.get(file);
      if (before?.fingerprint === fingerprint) return before;
      return { fingerprint, loaded: { spec: await readSpec(file) } };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      return { fingerprint: "", loaded: { why: describeFault(error) } };
    }
  }
}

function fingerprintOf({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [ino, size, mtimeNs, ctimeNs].join(" ");
}

async function filesOf(directory: string, problems: CdiProblem[]): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    const names = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
    const specs = names.filter((name) => [".json", ".yaml"].includes(extname(name)));
    return specs.sort().map((name) => join(directory, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT")
      problems.push({ path: directory, why: describeFault(error) });
    return [];
  }
}

async function readSpec(file: string): Promise<CdiSpec> {
  const text = await readBounded(file);
  if (extname(file) === ".json") return parseCdiSpec(parsedJson(text));
  const { parse } = await import("../yaml.ts");
  let document: unknown;
  try {
    // 1.1 as the format's own reader: `0666` is octal.
    document = parse(text, { version: "1.1", prettyErrors: true, logLevel: "error" });
  } catch (cause) {
    throw new Fault("corrupt", "it is not YAML", { cause });
  }
  return parseCdiSpec(document);
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Fault("corrupt", "it is not JSON", { cause });
  }
}

async function readBounded(file: string): Promise<string> {
  await using opened = await open(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  const stats = await opened.stat();
  if (!stats.isFile()) throw new Fault("corrupt", "it is not a regular file");
  if (stats.size > maxFileSize)
    throw new Fault("exhausted", `it has ${stats.size} bytes; ${maxFileSize} are the most that is read`);
  return opened.readFile("utf8");
}

function addDevices(own: Map<string, CdiDevice[]>, file: string, spec: CdiSpec): void {
  for (const { name, containerEdits } of spec.devices) {
    const full = `${spec.kind}=${name}`;
    const device = { file, edits: containerEdits, fileEdits: spec.containerEdits };
    own.set(full, [...(own.get(full) ?? []), device]);
  }
}

/** Of several in one directory none is used: nothing says which is meant (CDI: conflicting devices). */
function settle(
  name: string,
  found: readonly CdiDevice[],
  devices: Map<string, CdiDevice>,
  problems: CdiProblem[],
): void {
  const [only, other] = found;
  if (only !== undefined && other === undefined) {
    devices.set(name, only);
    return;
  }
  devices.delete(name);
  for (const { file } of found) {
    const others = found.map((device) => device.file).filter((path) => path !== file);
    problems.push({ path: file, why: `${name} is not used: ${others.join(", ")} has it, too` });
  }
}

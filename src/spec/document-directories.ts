import { type BigIntStats, constants } from "node:fs";
import { open, readdir, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { describeFault, Fault } from "../base/fault.ts";
import type { Bytes } from "../base/units.ts";

/** What can't be used, and why. */
export interface DocumentProblem {
  /** A file or a directory. */
  readonly path: string;
  readonly why: string;
}

/** What a file of a directory holds; undefined where it can't be used. */
export interface DocumentFile<Document> {
  /** Its name within its directory. */
  readonly name: string;
  readonly path: string;
  readonly document: Document | undefined;
}

interface Read<Document> {
  readonly fingerprint: string;
  readonly document?: Document;
  readonly why?: string;
}

/** NVIDIA's CDI file for a large node is some 100 KB. */
const maxFileSize: Bytes = 4 * 2 ** 20;

/** Documents in the files of some directories. Each read looks at the directories, and reads again what has changed. */
export class DocumentDirectories<Document> {
  readonly directories: readonly string[];
  readonly #extensions: readonly string[];
  readonly #parse: (value: unknown) => Document;
  #known = new Map<string, Read<Document>>();

  /**
   * @param extensions of the files that are read: ".json", ".yaml"
   * @param parse throws what is wrong with a document
   */
  constructor(
    directories: readonly string[],
    extensions: readonly string[],
    parse: (value: unknown) => Document,
  ) {
    this.directories = directories;
    this.#extensions = extensions;
    this.#parse = parse;
  }

  /** The files of each directory, by their names. Whatever is wrong is among the problems. */
  async read(): Promise<{ found: DocumentFile<Document>[][]; problems: DocumentProblem[] }> {
    const problems: DocumentProblem[] = [];
    const known = new Map<string, Read<Document>>();
    const found: DocumentFile<Document>[][] = [];
    for (const directory of this.directories) {
      const files: DocumentFile<Document>[] = [];
      for (const name of await this.#namesIn(directory, problems)) {
        const path = join(directory, name);
        const read = await this.#read(path);
        if (read === undefined) continue; // gone since it was listed
        known.set(path, read);
        if (read.why !== undefined) problems.push({ path, why: read.why });
        files.push({ name, path, document: read.document });
      }
      found.push(files);
    }
    this.#known = known;
    return { found, problems };
  }

  async #namesIn(directory: string, problems: DocumentProblem[]): Promise<string[]> {
    try {
      const entries = await readdir(directory, { withFileTypes: true });
      const names = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
      return names.filter((name) => this.#extensions.includes(extname(name))).sort();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT")
        problems.push({ path: directory, why: describeFault(error) });
      return [];
    }
  }

  async #read(path: string): Promise<Read<Document> | undefined> {
    let fingerprint = "";
    try {
      fingerprint = fingerprintOf(await stat(path, { bigint: true }));
      const before = this.#known.get(path);
      if (before?.fingerprint === fingerprint) return before;
      return { fingerprint, document: this.#parse(await readDocument(path)) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      return { fingerprint: "", why: describeFault(error) };
    }
  }
}

function fingerprintOf({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [ino, size, mtimeNs, ctimeNs].join(" ");
}

async function readDocument(path: string): Promise<unknown> {
  const text = await readBounded(path);
  if (extname(path) === ".json") return parsedJson(text);
  const { parse } = await import("./yaml.ts");
  try {
    // 1.1 as Go's readers: `0666` is octal.
    return parse(text, { version: "1.1", prettyErrors: true, logLevel: "error" });
  } catch (cause) {
    throw new Fault("corrupt", "it is not YAML", { cause });
  }
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

import * as v from "valibot";
import { Fault } from "../../base/fault.ts";
import { DocumentDirectories, type DocumentProblem } from "../document-directories.ts";
import { schemaIssue } from "../schema-issue.ts";
import { type HookDefinition, hookSchemaFor } from "./format.ts";

/** A hook of a file. */
export interface HookFile {
  readonly path: string;
  readonly definition: HookDefinition;
}

/** What the directories say now. */
export interface HookState {
  /** In the order in which they are run. */
  readonly hooks: readonly HookFile[];
  readonly problems: readonly DocumentProblem[];
}

/** The hook files of some directories (oci-hooks(5)), of which a later one is stronger: its file hides one of the same name. */
export class HookDirectories {
  readonly directories: readonly string[];
  readonly #files: DocumentDirectories<HookDefinition>;

  constructor(directories: readonly string[]) {
    this.directories = directories;
    this.#files = new DocumentDirectories(directories, [".json"], parseHook);
  }

  /** Whatever is wrong is among the problems. */
  async read(): Promise<HookState> {
    const { found, problems } = await this.#files.read();
    const files = new Map(found.flat().map((file) => [file.name, file]));
    const hidden = (path: string) => [...files.values()].every((file) => file.path !== path);
    const hooks = [...files.values()]
      .sort((a, b) => order(a.name, b.name))
      .flatMap(({ path, document: definition }) => (definition === undefined ? [] : [{ path, definition }]));
    const everywhere = found.flat().map(({ path }) => path);
    return {
      hooks,
      problems: problems.filter(({ path }) => !everywhere.includes(path) || !hidden(path)),
    };
  }
}

/** By their names in lower case, character by character. */
function order(one: string, other: string): number {
  const [a, b] = [one.toLowerCase(), other.toLowerCase()];
  if (a === b) return one < other ? -1 : 1;
  return a < b ? -1 : 1;
}

/** @throws {Fault} corrupt naming the first field that is wrong or not known */
export function parseHook(document: unknown): HookDefinition {
  const result = v.safeParse(hookSchemaFor(document), document, { abortEarly: true });
  if (!result.success) throw new Fault("corrupt", schemaIssue(result.issues));
  return result.output;
}

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { constants, Script } from "node:vm";
import type { main as Main } from "../src/cli/main.ts";

/** The command's code, as it lies in the bundle. */
export interface LoadedCommand {
  readonly main: typeof Main;
  /** What it was compiled to, with all that has run since. */
  compiled(): Buffer;
}

/**
 * Loads the bundle in `directory`, whose compiled code lies beside it. V8 refuses what another version of it has compiled,
 * and compiles the source then. `tree` holds the rest of berth.
 */
export function loadCommand(directory: string, tree: string, require: NodeJS.Require): LoadedCommand {
  const filename = join(directory, "command.cjs");
  const cachedData = readIfThere(compiledFile(directory));
  const source = readFileSync(filename, "latin1"); // ASCII, which is read fastest so
  const script = new Script(`(function (module, exports, require, moduleUrl, moduleFile) {${source}\n})`, {
    filename,
    ...(cachedData === undefined ? {} : { cachedData }),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const module = { exports: {} as { main: typeof Main } };
  // Its modules take themselves for ones of src/cli.
  const moduleUrl = pathToFileURL(join(tree, "src/cli/main.js")).href;
  script.runInThisContext()(module, module.exports, require, moduleUrl, filename);
  return { main: module.exports.main, compiled: () => script.createCachedData() };
}

/** Where the compiled code lies. */
export function compiledFile(directory: string): string {
  return join(directory, "command.compiled");
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/**
 * Runs a bundle once and keeps what V8 has compiled:
 *
 *     node packaging/install/compile-command.ts <directory of the bundle> <tree>
 */
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { compiledFile, loadCommand } from "../../bin/load-command.ts";

const [, , directory = "", tree = ""] = process.argv;
const { main, compiled } = loadCommand(directory, tree, createRequire(join(tree, "package.json")));
const serve = () => Promise.reject(new Error("there is no daemon here"));
// What most commands do: read the settings, connect, show a list. There is nobody to answer, and nothing to be seen.
process.stdout.write = () => true;
process.stderr.write = () => true;
await main(["ps", "--help"], { serve });
await main(["ps", "--endpoint", join(directory, "nobody.sock")], { serve });
writeFileSync(compiledFile(directory), compiled());

/**
 * Makes a release of what is installed on a node: the bundles of the command and the daemon, so that neither has types to
 * strip and modules to find, and the packages of which they are made, with their licences:
 *
 *     node packaging/install/install-tree.ts <directory>
 *
 * It lies in `<directory>/releases/<version>-<hash of what is in it>`, and `<directory>/release` names it: a daemon that
 * runs goes on with the files of its own.
 */
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleCommand, bundleDaemon } from "./bundle.ts";

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly devOptional?: boolean }>>;
}

const root = fileURLToPath(new URL("../..", import.meta.url));
const library = resolve(process.argv[2] ?? fail("give the directory to make a release in"));
const releases = join(library, "releases");

function fail(why: string): never {
  console.error(`install-tree: ${why}`);
  process.exit(1);
}

/** The packages of package-lock.json that aren't for development alone, and that this machine has. */
function packages(): string[] {
  const { packages: all } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as Lock;
  return (
    Object.entries(all)
      .filter(([path, { dev, devOptional }]) => path !== "" && dev !== true && devOptional !== true)
      .map(([path]) => path)
      // The lock marks typescript as for development, but not what that is made of for each system.
      .filter((path) => existsSync(join(root, path)) && !path.startsWith("node_modules/@typescript/"))
  );
}

/** Where the package `node` has Node a second time, with headers and manuals; its licence is there only. */
const nodesSource = "node_modules/node/node_modules";

async function makeTree(target: string): Promise<void> {
  for (const path of packages())
    cpSync(join(root, path), join(target, path), {
      recursive: true,
      verbatimSymlinks: true,
      filter: (source) => source !== join(root, nodesSource),
    });
  for (const name of readdirSync(join(root, nodesSource)))
    if (existsSync(join(root, nodesSource, name, "LICENSE")))
      copyFileSync(join(root, nodesSource, name, "LICENSE"), join(target, "node_modules/node/LICENSE"));
  mkdirSync(join(target, "node_modules/.bin"), { recursive: true });
  cpSync(join(root, "node_modules/.bin/node"), join(target, "node_modules/.bin/node"), {
    verbatimSymlinks: true,
  });
  for (const file of ["package.json", "LICENSE", "bin/berth", "packaging/config.toml"]) {
    mkdirSync(dirname(join(target, file)), { recursive: true });
    if (existsSync(join(root, file))) copyFileSync(join(root, file), join(target, file));
  }
  await bundleDaemon(join(target, ".berth/daemon"));
  await bundleCommand(join(target, ".berth/command"), target, false);
  chmodSync(join(target, "bin/berth"), 0o755);
}

/** Of names and contents; what V8 compiled says nothing that its source doesn't. */
function hashOf(tree: string): string {
  const hash = createHash("sha256");
  const entries = readdirSync(tree, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && !entry.name.endsWith(".compiled"));
  for (const path of files.map(({ parentPath, name }) => join(parentPath, name)).sort())
    hash
      .update(`${path.slice(tree.length)}\0`)
      .update(readFileSync(path))
      .update("\0");
  return hash.digest("hex").slice(0, 12);
}

mkdirSync(releases, { recursive: true });
const making = join(releases, `making-${process.pid}`);
await makeTree(making);
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
const release = `${version}-${hashOf(making)}`;
if (existsSync(join(releases, release))) rmSync(making, { recursive: true });
else renameSync(making, join(releases, release));
writeFileSync(join(library, `release.${process.pid}`), `${release}\n`);
renameSync(join(library, `release.${process.pid}`), join(library, "release"));

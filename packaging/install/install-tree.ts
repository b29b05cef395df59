/**
 * Makes the tree that is installed on a node: the bundles of the command and the daemon, so that neither has types to
 * strip and modules to find, and the packages of which they are made, with their licences:
 *
 *     node packaging/install/install-tree.ts <directory>
 */
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleCommand, bundleDaemon } from "./bundle.ts";

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly devOptional?: boolean }>>;
}

const root = fileURLToPath(new URL("../..", import.meta.url));
const target = resolve(process.argv[2] ?? fail("give the directory to make"));

function fail(why: string): never {
  console.error(`install-tree: ${why}`);
  process.exit(1);
}

/** The packages of package-lock.json that aren't for development alone, and that this machine has. */
function packages(): string[] {
  const { packages: all } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as Lock;
  return Object.entries(all)
    .filter(([path, { dev, devOptional }]) => path !== "" && dev !== true && devOptional !== true)
    .map(([path]) => path)
    .filter((path) => existsSync(join(root, path)));
}

if (existsSync(target) && !existsSync(join(target, "bin/berth"))) fail(`${target} is there and is no berth`);
for (const part of ["bin", "src", "node_modules", ".berth"])
  rmSync(join(target, part), { recursive: true, force: true });
for (const path of packages())
  cpSync(join(root, path), join(target, path), { recursive: true, verbatimSymlinks: true });
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

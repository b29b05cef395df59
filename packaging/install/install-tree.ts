/**
 * Makes the tree that is installed on a node: the sources stripped of their types, so that the daemon need not do it
 * (it costs 16 MB), the packages that they need, and the bundle of the command. Line numbers stay as they are in the
 * sources.
 *
 *     node packaging/install/install-tree.ts <directory>
 */
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseSync } from "oxc-parser";
import { bundleCommand } from "./bundle.ts";

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly devOptional?: boolean }>>;
}

const root = fileURLToPath(new URL("../..", import.meta.url));
const target = resolve(process.argv[2] ?? fail("give the directory to make"));

function fail(why: string): never {
  console.error(`install-tree: ${why}`);
  process.exit(1);
}

/** What runs on a node: no tests, and nothing that only they use. */
function sources(): string[] {
  return globSync(["bin/berth.ts", "src/**/*.ts"], { cwd: root }).filter(
    (file) => !file.endsWith(".test.ts") && !file.includes("/testing/"),
  );
}

/** Plain JavaScript, which imports the other files by their new names. */
function javaScript(file: string): string {
  const text = stripTypeScriptTypes(readFileSync(join(root, file), "utf8"));
  const { module, errors } = parseSync(file.replace(/\.ts$/, ".mjs"), text);
  if (errors.length > 0) fail(`${file}: ${errors[0]?.message}`);
  const specifiers = [
    ...module.staticImports.map(({ moduleRequest }) => moduleRequest),
    ...module.staticExports.flatMap(({ entries }) =>
      entries.flatMap(({ moduleRequest }) => moduleRequest ?? []),
    ),
    ...module.dynamicImports.map(({ moduleRequest }) => moduleRequest),
  ];
  const ends = new Set(specifiers.map(({ end }) => end - ".ts".length - 1)); // before the closing quote
  let out = "";
  let from = 0;
  for (const end of [...ends].toSorted((a, b) => a - b)) {
    if (!text.startsWith(".ts", end)) continue; // a package
    out += `${text.slice(from, end)}.js`;
    from = end + ".ts".length;
  }
  return out + text.slice(from);
}

/** The packages of package-lock.json that aren't for development alone, and that this machine has. */
function packages(): string[] {
  const { packages: all } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as Lock;
  return Object.entries(all)
    .filter(([path, { dev, devOptional }]) => path !== "" && dev !== true && devOptional !== true)
    .map(([path]) => path)
    .filter((path) => existsSync(join(root, path)));
}

if (existsSync(target) && !existsSync(join(target, "bin/berth.js")))
  fail(`${target} is there and is no berth`);
for (const part of ["bin", "src", "node_modules", ".berth"])
  rmSync(join(target, part), { recursive: true, force: true });
for (const file of sources()) {
  const path = join(target, file.replace(/\.ts$/, ".js"));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, javaScript(file));
}
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
await bundleCommand(join(target, ".berth/command"), target, false);
chmodSync(join(target, "bin/berth"), 0o755);

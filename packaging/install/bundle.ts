/**
 * Makes one file of the command's sources, compiles it and keeps what V8 made of it: the command starts in a third of
 * the time. For a checkout:
 *
 *     node packaging/install/bundle.ts
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build, type Plugin } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** commander loads it for subcommands that are programs of their own, which berth has none of. */
const withoutChildProcess: Plugin = {
  name: "commander without child_process",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      importer.includes("/node_modules/commander/") ? { path: "none", namespace: "none" } : undefined,
    );
    onLoad({ filter: /.*/, namespace: "none" }, () => ({ contents: "" }));
  },
};

/**
 * A module that imports `node:http` has Node read each of its exports at once, and one of them is a browser's `WebSocket`, which loads a
 * whole HTTP client that berth has no use for. As a script's exports they are read when they are used.
 */
const httpReadLate: Plugin = {
  name: "node:http without undici",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:http$/ }, () => ({ path: "http", namespace: "late" }));
    const contents = 'module.exports = process.getBuiltinModule("node:http");';
    onLoad({ filter: /.*/, namespace: "late" }, () => ({ contents }));
  },
};

const shared = {
  absWorkingDir: root,
  bundle: true,
  platform: "node",
  target: "node26",
  // It has a library for each platform.
  external: ["koffi"],
} satisfies BuildOptions;

/** The modules that threads run, under the names by which those that start them find them from their own place. */
const threads = [
  { in: "src/metadata/writer-thread.ts", out: "writer-thread" },
  { in: "src/snapshot/worker/main.ts", out: "worker/main" },
  { in: "src/linux/host-thread-main.ts", out: "host-thread-main" },
  { in: "src/copy/copy-thread.ts", out: "copy-thread" },
  { in: "src/linux/seccomp-notifier-thread.ts", out: "seccomp-notifier-thread" },
];

/**
 * Makes `berth.js`, which runs the daemon, and `serve.js`, of which the command does, in `directory`. They are modules,
 * not scripts, for what is loaded late or by threads alone lies in files of its own.
 */
export async function bundleDaemon(directory: string): Promise<void> {
  await build({
    ...shared,
    // grpc-js loads it for services that berth does not have
    external: [...shared.external, "@grpc/proto-loader"],
    format: "esm",
    splitting: true,
    entryPoints: [
      { in: "bin/berth.ts", out: "berth" },
      { in: "src/daemon/main.ts", out: "serve" },
      ...threads,
    ],
    outdir: directory,
    plugins: [httpReadLate],
    // V8 keeps the whole text for as long as the daemon runs, and in two bytes a character for one comment with a "…" in it.
    minifyWhitespace: true,
    lineLimit: 160,
    // For packages that are CommonJS.
    banner: {
      js: 'import { createRequire } from "node:module";\nconst require = createRequire(import.meta.url);',
    },
  });
}

/**
 * Makes `directory`, of whose `start.cjs` the command is run; `tree` holds the rest of berth. With `watched`, the sources
 * are run instead once one of them has changed.
 */
export async function bundleCommand(directory: string, tree: string, watched: boolean): Promise<void> {
  const making = `${directory}.${process.pid}`;
  mkdirSync(making, { recursive: true });
  const { metafile } = await build({
    ...shared,
    format: "cjs",
    entryPoints: ["bin/command.ts"],
    outfile: join(making, "command.cjs"),
    charset: "ascii",
    plugins: [withoutChildProcess],
    define: { "import.meta.url": "moduleUrl", "import.meta.filename": "moduleFile" },
    logOverride: { "empty-import-meta": "error" },
    metafile: true,
  });
  const sources = Object.keys(metafile.inputs)
    .filter((path) => watched && !path.startsWith("none:"))
    .map((path) => [path, statSync(join(root, path)).mtimeMs]);
  await build({
    ...shared,
    format: "cjs",
    entryPoints: ["bin/start.ts"],
    outfile: join(making, "start.cjs"),
    define: { TREE: JSON.stringify(relative(directory, tree)), SOURCES: JSON.stringify(sources) },
  });
  const compile = [join(root, "packaging/install/compile-command.ts"), making, tree];
  execFileSync(process.execPath, ["--disable-warning=ExperimentalWarning", ...compile], { stdio: "inherit" });
  rmSync(directory, { recursive: true, force: true });
  renameSync(making, directory);
}

if (import.meta.main) await bundleCommand(join(root, ".berth/command"), root, true);

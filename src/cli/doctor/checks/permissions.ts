import type { Stats } from "node:fs";
import { lstat, readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pathsOf } from "../../../config/paths.ts";
import type { Config } from "../../../config/schema.ts";
import { handlerProgram } from "../../../config/shim-program.ts";
import { programPath } from "../../../linux/program-path.ts";
import { effectiveCapabilities, resourceCapability } from "../capabilities.ts";
import { type Finding, note, ok, problem, warning } from "../finding.ts";
import type { NodeView } from "../node-view.ts";
import { configuredRegistries } from "../probe-registry.ts";

/** A file or directory that only root may change. */
interface Guarded {
  readonly path: string;
  /** What whoever may write there can do. */
  readonly danger: string;
  /** Set when others may not read it, either: what they would see. */
  readonly secret?: string;
}

/** Bits of CapEff (capabilities(7)) without which the daemon can't work, or works less well. */
const capabilities: readonly (readonly [number, string, string])[] = [
  [21, "CAP_SYS_ADMIN", "mounts and namespaces"],
  [12, "CAP_NET_ADMIN", "pods' networks"],
  [0, "CAP_CHOWN", "owners of images' files"],
  [1, "CAP_DAC_OVERRIDE", "files of every owner"],
  [5, "CAP_KILL", "ending containers of other users"],
  [27, "CAP_MKNOD", "devices in images and containers"],
  [31, "CAP_SETFCAP", "images with file capabilities"],
];

/** Who may read and change what berth relies on, and whether this user may do what berth does. */
export async function checkPermissions(node: NodeView): Promise<Finding[]> {
  const { config, files, daemon } = node;
  await node.disksAnswer();
  const guarded = [
    ...directories(config),
    ...settingsFiles(config, files),
    ...(await secrets(config)),
    ...(await programs(config)),
  ];
  const judged = await Promise.all(guarded.map(judge));
  const seen = judged.filter((findings) => findings !== undefined);
  const found = seen.flat();
  const above = await judgeParents(guarded.map(({ path }) => path));
  const all = [...found, ...above];
  const pid = daemon.kind === "berth" ? daemon.pid : undefined;
  return [
    ...(all.length === 0
      ? [ok(`${seen.length} directories, files and programs are root's alone to change`)]
      : all),
    ...judgeCapabilities(pid),
  ];
}

function directories(config: Config): Guarded[] {
  const { database } = pathsOf(config);
  const secret = "images' files and what containers were given in their environment";
  return [
    { path: config.root, danger: "change every image and container", secret },
    { path: database, danger: "make the daemon run anything" },
    { path: config.state, danger: "take the place of namespaces and bundles" },
    { path: config.network.confDir, danger: "have plugins run as root" },
    ...config.network.binDirs.map((path) => ({ path, danger: "have any program run as root" })),
  ];
}

function settingsFiles({ registry }: Config, files: readonly string[]): Guarded[] {
  const danger = "have the daemon run any program as root";
  const directories = new Set(files.map((file) => dirname(file)));
  return [
    ...[...files, ...directories].map((path) => ({ path, danger })),
    { path: registry.configPath, danger: "have images pulled from a host of theirs" },
  ];
}

/** hosts.toml with headers: those hold tokens. Keys of client certificates are the certificates' check's. */
async function secrets({ registry }: Config): Promise<Guarded[]> {
  const names = await readdir(registry.configPath).catch(() => []);
  const registries = new Set([...names, ...(await configuredRegistries(registry.configPath))]);
  const danger = "have images pulled from a host of theirs";
  return await Promise.all(
    [...registries].map(async (name) => {
      const path = join(registry.configPath, name, "hosts.toml");
      const text = await readFile(path, "utf8").catch(() => "");
      const hasSecret = /^\s*(\[.*\.header\]|header\s*[=.])/m.test(text);
      return hasSecret
        ? { path, danger, secret: "the headers that are sent to the registry" }
        : { path, danger };
    }),
  );
}

async function programs({ runtime }: Config): Promise<Guarded[]> {
  const names = [runtime.conmon, ...Object.values(runtime.handlers).map(handlerProgram)];
  const paths = await Promise.all(names.map((name) => programPath(name, runtime.path)));
  return paths
    .filter((path) => path !== undefined)
    .map((path) => ({ path, danger: "have a program of theirs run as root" }));
}

/** Undefined for what isn't there, or can't be seen by this user. */
async function judge({ path, danger, secret }: Guarded): Promise<Finding[] | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return undefined;
  const why = `they could ${danger}`;
  if (found.uid !== 0 && found.uid !== process.geteuid?.()) {
    return [problem(`${path} belongs to user ${found.uid}, not to root`, why, `chown root:root ${path}`)];
  }
  if (isWritableByOthers(found)) {
    return [problem(`${path} is writable for others (mode ${modeOf(found)})`, why, `chmod go-w ${path}`)];
  }
  const readable = found.isDirectory() ? 0o055 : 0o044;
  if (secret === undefined || (found.mode & readable) === 0) return [];
  const mode = found.isDirectory() ? "0700" : "0600";
  return [
    warning(
      `${path} is readable for others (mode ${modeOf(found)})`,
      `they see ${secret}`,
      `chmod ${mode} ${path}`,
    ),
  ];
}

/** A directory above, once: whoever may write there can put another directory in place of what is guarded. */
async function judgeParents(paths: readonly string[]): Promise<Finding[]> {
  const parents = new Set(paths.flatMap(ancestors));
  for (const path of paths) parents.delete(path);
  const found = await Promise.all(
    [...parents].map(async (path) => {
      const directory = await lstat(path).catch(() => undefined);
      const isSticky = directory !== undefined && (directory.mode & 0o1000) !== 0;
      if (directory === undefined || isSticky || !isWritableByOthers(directory)) return [];
      const why = "what lies below it can be replaced by others";
      return [
        problem(`${path} is writable for others (mode ${modeOf(directory)})`, why, `chmod go-w ${path}`),
      ];
    }),
  );
  return found.flat();
}

function ancestors(path: string): string[] {
  const above = dirname(path);
  return above === path || above === "/" ? [] : [above, ...ancestors(above)];
}

/** The group counts when it is not root's. */
function isWritableByOthers({ mode, gid }: Stats): boolean {
  return (mode & 0o002) !== 0 || ((mode & 0o020) !== 0 && gid !== 0);
}

function modeOf({ mode }: Stats): string {
  return (mode & 0o7777).toString(8).padStart(4, "0");
}

/** The daemon's capabilities or, when it does not run, those of this process, which could start it. */
function judgeCapabilities(pid: number | undefined): Finding[] {
  if (process.geteuid?.() !== 0) {
    const why = "what only root may read was not looked at, and the daemon needs root";
    return [warning("this is not run as root", why, "sudo berth doctor")];
  }
  const held = effectiveCapabilities(pid);
  const who = pid === undefined ? "a daemon started from here" : `the daemon (pid ${pid})`;
  const lacks = (bit: number) => !held.has(bit);
  const found = capabilities
    .filter(([bit]) => lacks(bit))
    .map(([, name, purpose]) =>
      problem(`${who} has no ${name}`, `needed for ${purpose}`, "start it with all of root's capabilities"),
    );
  if (lacks(resourceCapability)) {
    const why =
      "pods can't be shielded from the kernel's choice of what to kill (oom_score_adj below its own)";
    found.push(note(`${who} has no CAP_SYS_RESOURCE`, why));
  }
  return found;
}

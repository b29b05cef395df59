import { randomBytes } from "node:crypto";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { describeFault } from "../../base/fault.ts";
import type { Ms } from "../../base/units.ts";
import type { Config } from "../../config/schema.ts";
import { reapOrphan } from "../../linux/orphans.ts";
import { expandSlice } from "../../linux/slice.ts";
import type { OciConfig } from "../../spec/oci-runtime.ts";
import type { HandlerProbe } from "../contract.ts";
import type { Handler } from "./handlers.ts";
import { pidIn } from "./monitors.ts";
import type { RuntimeHost } from "./parts.ts";
import { callRuntime, requireRuntime } from "./runtime-command.ts";

/** What one probe may take; a runtime under software emulation takes seconds. */
const probeDeadline: Ms = 30_000;
const removeWait: Ms = 2000;
/** Of the names of probes' containers. */
const prefix = "probe-";

/** Where probes work: a directory for their bundles, the pods' cgroup. */
export interface ProbePlace {
  readonly scratch: string;
  readonly cgroup: Config["cgroup"];
}

/** Finds out what a handler can do here, by creating a container with it and deleting it. Never throws. */
export async function probeHandler(
  handler: Handler,
  version: string,
  place: ProbePlace,
  host: RuntimeHost,
): Promise<HandlerProbe> {
  const signal = AbortSignal.timeout(probeDeadline);
  const [problem, features] = await Promise.all([
    tryOut(handler, place, host, signal).then(
      () => undefined,
      (error: unknown) =>
        `${describeFault(error)} (install or choose another runtime, or do what it asks for)`,
    ),
    featuresOf(handler, host, signal),
  ]);
  return { handler: handler.name, path: handler.path, version, problem, features };
}

async function tryOut(
  handler: Handler,
  { scratch, cgroup }: ProbePlace,
  host: RuntimeHost,
  signal: AbortSignal,
): Promise<void> {
  const id = `${prefix}${randomBytes(8).toString("hex")}`;
  const bundle = join(scratch, id);
  await mkdir(bundle, { mode: 0o700 });
  const pidFile = join(bundle, "pid");
  const group = probeGroup(cgroup, id);
  try {
    await writeBundle(bundle, group.cgroupsPath);
    await requireRuntime(
      handler,
      { args: ["create", "--bundle", bundle, "--pid-file", pidFile, id] },
      host,
      signal,
    );
    const init = await pidIn(pidFile);
    await requireRuntime(handler, { args: ["delete", "--force", id] }, host, signal);
    if (init !== undefined) reapOrphan(init);
  } catch (error) {
    await callRuntime(handler, { args: ["delete", "--force", id] }, host, signal).catch(() => undefined);
    throw error;
  } finally {
    // a runtime that refuses may have made it already
    await host.cgroups.remove(group.path, removeWait).catch((error: unknown) => {
      host.log.warn({ err: describeFault(error) }, "a probe's cgroup could not be removed");
    });
    await rm(bundle, { recursive: true, force: true });
  }
}

/** What probes left that an earlier daemon was killed in. */
export async function sweepProbes(
  handler: Handler,
  cgroup: Config["cgroup"],
  host: RuntimeHost,
): Promise<void> {
  const signal = AbortSignal.timeout(probeDeadline);
  const left = await readdir(handler.root).catch(() => []);
  for (const id of left.filter((name) => name.startsWith(prefix))) {
    await callRuntime(handler, { args: ["delete", "--force", id] }, host, signal);
    await rm(join(handler.root, id), { recursive: true, force: true });
    const { path } = probeGroup(cgroup, id);
    await host.cgroups.killAll(path, signal);
    await host.cgroups.remove(path, removeWait);
  }
}

function probeGroup({ driver, parent }: Config["cgroup"], id: string): { cgroupsPath: string; path: string } {
  if (driver === "cgroupfs") {
    const path = posix.join("/", parent, id);
    return { cgroupsPath: path, path };
  }
  return { cgroupsPath: `${parent}:berth:${id}`, path: posix.join(expandSlice(parent), `berth-${id}.scope`) };
}

/** `create` looks the program up, and only `start` would run it: an empty file will do. */
async function writeBundle(bundle: string, cgroupsPath: string): Promise<void> {
  const rootfs = join(bundle, "rootfs");
  await mkdir(join(rootfs, "proc"), { recursive: true });
  await mkdir(join(rootfs, "dev"));
  await writeFile(join(rootfs, "program"), "", { mode: 0o755 });
  const nothing = { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] };
  const config: OciConfig = {
    ociVersion: "1.0.2",
    process: {
      user: { uid: 0, gid: 0 },
      args: ["/program"],
      env: [],
      cwd: "/",
      capabilities: nothing,
      noNewPrivileges: true,
    },
    root: { path: rootfs, readonly: true },
    mounts: [{ destination: "/proc", type: "proc", source: "proc" }],
    linux: {
      namespaces: [{ type: "pid" }, { type: "mount" }, { type: "network" }, { type: "ipc" }, { type: "uts" }],
      cgroupsPath,
      resources: { devices: [{ allow: false, access: "rwm" }], pids: { limit: 16 } },
    },
  };
  await writeFile(join(bundle, "config.json"), JSON.stringify(config));
}

/** By the runtime's own word (OCI runtime spec v1.2, features); one that has none is taken to have neither. */
async function featuresOf(
  handler: Handler,
  host: RuntimeHost,
  signal: AbortSignal,
): Promise<HandlerProbe["features"]> {
  const none = { recursiveReadOnly: false, userNamespaces: false };
  const answer = await callRuntime(handler, { args: ["features"] }, host, signal).catch(() => undefined);
  if (answer?.code !== 0) return none;
  let said: unknown;
  try {
    said = JSON.parse(Buffer.from(answer.stdout).toString("utf8"));
  } catch {
    return none;
  }
  const options = at(said, "mountOptions");
  return {
    recursiveReadOnly: Array.isArray(options) && options.includes("rro"),
    userNamespaces: at(said, "linux", "mountExtensions", "idmap", "enabled") === true,
  };
}

function at(value: unknown, ...path: string[]): unknown {
  let found = value;
  for (const name of path) {
    if (found === null || typeof found !== "object") return undefined;
    found = Object.getOwnPropertyDescriptor(found, name)?.value;
  }
  return found;
}

/** The first line of `--version`, as in "crun version 1.8.1"; empty when the program can't run. */
export async function versionOf(
  program: { path: string; env: Readonly<Record<string, string>> },
  { processes }: RuntimeHost,
): Promise<string> {
  const command = { path: program.path, args: ["--version"], env: program.env, maxOutput: 4096 };
  const finished = await processes.run(command, AbortSignal.timeout(probeDeadline)).catch(() => undefined);
  if (finished?.code !== 0) return "";
  return Buffer.from(finished.stdout).toString("utf8").split("\n", 1)[0]?.trim() ?? "";
}

import { randomBytes } from "node:crypto";
import { chown, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { describeFault } from "../../base/fault.ts";
import type { Ms } from "../../base/units.ts";
import type { Config } from "../../config/schema.ts";
import { pauseProgram } from "../../linux/pause-program.ts";
import { reapIfDead } from "../../linux/reap.ts";
import { slicePath } from "../../linux/slice.ts";
import type { UserMappings } from "../../spec/cri/security.ts";
import { ociMappings } from "../../spec/oci-mappings.ts";
import type { OciConfig, OciMount } from "../../spec/oci-runtime.ts";
import type { RuntimeHost } from "../host.ts";
import { type Handler, runsOnHost } from "./handlers.ts";
import { pidIn } from "./monitors.ts";
import { callRuntime, requireRuntime } from "./runtime-command.ts";

/** What one probe may take; a runtime under software emulation takes seconds. */
export const probeDeadline: Ms = 30_000;
/** What taking away the rest of one may take. */
const clearDeadline: Ms = 10_000;
const removeWait: Ms = 2000;
/** Of the names of probes' containers. */
const prefix = "probe-";

/** Where probes work: the host, a directory for their bundles, the pods' cgroup. */
export interface TrialPlace {
  readonly host: RuntimeHost;
  readonly scratch: string;
  readonly cgroup: Config["cgroup"];
}

/** A container that is created and deleted to see what becomes of it. */
export interface Trial<T> {
  /** Whose namespace it joins; undefined: it has the host's users. */
  readonly users?: { readonly namespace: string; readonly mappings: UserMappings };
  /** Besides /proc. */
  readonly mounts: (rootfs: string) => readonly OciMount[];
  /** Looks at the created container through its first process, if the runtime names one. */
  look(init: number | undefined): Promise<T>;
}

/**
 * Creates a container with a handler, looks at it, and deletes it.
 *
 * @throws {Fault} as the runtime's `create` and `delete`, and as `look`
 */
export async function tryOut<T>(
  handler: Handler,
  trial: Trial<T>,
  { scratch, cgroup, host }: TrialPlace,
  signal: AbortSignal,
): Promise<T> {
  const id = `${prefix}${randomBytes(8).toString("hex")}`;
  const bundle = join(scratch, id);
  await mkdir(bundle, { mode: 0o711 });
  const pidFile = join(bundle, "pid");
  const group = probeGroup(cgroup, id);
  try {
    await writeBundle(bundle, group.cgroupsPath, trial, handler);
    await requireRuntime(
      handler,
      { args: ["create", "--bundle", bundle, "--pid-file", pidFile, id] },
      host,
      signal,
    );
    const init = pidIn(pidFile);
    try {
      // only then a sandbox takes its network, and runs anything
      if (handler.kind === "runsc") await requireRuntime(handler, { args: ["start", id] }, host, signal);
      return await trial.look(init);
    } finally {
      if (handler.kind === "runsc") await endSandbox(init, group.path, host, signal);
      await requireRuntime(handler, { args: ["delete", "--force", id] }, host, signal);
      if (init !== undefined) reapIfDead(init);
    }
  } catch (error) {
    await clear(id, group.path, handler, host);
    throw error;
  } finally {
    // a runtime that refuses may have made it already
    await host.cgroups.remove(group.path, removeWait).catch((error: unknown) => {
      host.log.warn({ err: describeFault(error) }, "a probe's cgroup could not be removed");
    });
    await rm(bundle, { recursive: true, force: true });
  }
}

/** Ends what a trial that failed, or took too long, still runs: of a runtime that was killed its child may be left. */
async function clear(id: string, cgroup: string, handler: Handler, host: RuntimeHost): Promise<void> {
  const signal = AbortSignal.timeout(clearDeadline);
  await callRuntime(handler, { args: ["delete", "--force", id] }, host, signal).catch(() => undefined);
  await host.cgroups.killAll(cgroup, signal).catch(() => undefined); // its removal says what is left
}

/** runsc waits for its sandbox to be gone, also from the table of processes: there it is this process's, as it has no monitor. */
async function endSandbox(
  init: number | undefined,
  cgroup: string,
  { cgroups }: RuntimeHost,
  signal: AbortSignal,
): Promise<void> {
  await cgroups.killAll(cgroup, signal);
  if (init !== undefined) reapIfDead(init);
}

/** What probes left that an earlier daemon was killed in. */
export async function sweepTrials(handler: Handler, { cgroup, host }: TrialPlace): Promise<void> {
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
  return { cgroupsPath: `${parent}:berth:${id}`, path: posix.join(slicePath(parent), `berth-${id}.scope`) };
}

/** Its program waits, where it is started. */
async function writeBundle(
  bundle: string,
  cgroupsPath: string,
  { mounts, users }: Trial<unknown>,
  handler: Handler,
): Promise<void> {
  const rootfs = join(bundle, "rootfs");
  await mkdir(join(rootfs, "proc"), { recursive: true });
  for (const name of ["dev", "sys"]) await mkdir(join(rootfs, name));
  await writeFile(join(rootfs, "program"), pauseProgram(), { mode: 0o755 });
  const { uids, gids } = users?.mappings ?? {};
  for (const path of ["", "proc", "dev", "sys", "program"]) {
    if (uids !== undefined && gids !== undefined) await chown(join(rootfs, path), uids.hostId, gids.hostId);
  }
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
    mounts: [{ destination: "/proc", type: "proc", source: "proc" }, ...mounts(rootfs)],
    linux: {
      ...ociMappings(users?.mappings),
      namespaces: [
        ...(["pid", "mount", "network", "ipc", "uts"] as const).map((type) => ({ type })),
        ...(users === undefined ? [] : [{ type: "user" as const, path: users.namespace }]),
      ],
      cgroupsPath,
      resources: {
        devices: [{ allow: false, access: "rwm" }],
        ...(runsOnHost(handler) ? { pids: { limit: 16 } } : {}), // a sandbox has threads of its own
      },
    },
  };
  await writeFile(join(bundle, "config.json"), JSON.stringify(config));
}

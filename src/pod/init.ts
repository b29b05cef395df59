import { access, chown, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "../base/fault.ts";
import type { ContainerId, PodSandboxId } from "../base/ids.ts";
import type { FileOwner } from "../linux/contract.ts";
import { lowestOomScoreAdj } from "../linux/oom-score.ts";
import { ociMappings } from "../spec/oci-mappings.ts";
import { type OciConfig, type OciNamespace, oldestOciVersion } from "../spec/oci-runtime.ts";
import { monitorCgroup, podCgroupsPath, podInitCgroup } from "./cgroup.ts";
import { podNamespaceKinds } from "./namespaces.ts";
import type { PodAttempt, PodHost } from "./parts.ts";
import type { PodSandboxRecord } from "./state.ts";
import { podRoot } from "./user-namespace.ts";

/** A static init from Debian's package of that name; `-P` only waits and reaps. */
const INIT_BINARY = "/usr/bin/catatonit";

/** Needs no right, and has none. */
const NOBODY = 65_534;

/** What a kubelet's sandboxes have elsewhere: it goes after all containers, as these end with it. */
const OOM_SCORE_ADJ = -998;

/** How long the kernel may take to let go of the init's cgroup. */
const REMOVE_WAIT_MS = 2_000;

/** The pod's init is a container to the monitor and the runtime: one by the pod's own id. */
function initContainerId(id: PodSandboxId): ContainerId {
  return id as string as ContainerId;
}

function sharesPidNamespace(record: PodSandboxRecord): boolean {
  return record.config.security.namespaces.pid === "pod";
}

/**
 * A pod that shares its PID namespace needs a process 1 in it that lives as long as the pod: the namespace dies with
 * that process, so a bind mount alone can't hold it.
 */
export async function startPodInit(
  record: PodSandboxRecord,
  attempt: PodAttempt,
  signal: AbortSignal,
): Promise<void> {
  if (!sharesPidNamespace(record)) return;
  const { host } = attempt;
  await access(INIT_BINARY).catch((error: unknown) => {
    throw new Fault("unavailable", `a shared PID namespace needs ${INIT_BINARY}`, {
      cause: error,
      hint: "install the package catatonit",
    });
  });
  const id = initContainerId(record.id);
  const { bundle, rootfs } = host.paths.container(id);
  await makeRootfs(rootfs, podRoot(record.config));
  const oomScoreAdj = Math.max(OOM_SCORE_ADJ, await lowestOomScoreAdj());
  const config = initConfig(record, host, { rootfs, oomScoreAdj });
  await writeFile(join(bundle, "config.json"), JSON.stringify(config), { mode: 0o600 });
  const monitored = await host.runtime.create(
    {
      id,
      handler: record.handler,
      bundle,
      name: `init-${record.config.metadata.name}`,
      logPath: undefined,
      stdin: false,
      stdinOnce: false,
      tty: false,
      monitorCgroup: monitorCgroup(record),
    },
    signal,
  );
  await host.runtime.start(id, record.handler, signal);
  const pin = join(host.paths.pod(record.id).namespaces, "pid");
  await writeFile(pin, "", { mode: 0o600 });
  await host.mounts.bind(`/proc/${monitored.init.pid}/ns/pid`, pin);
  attempt.init = monitored;
}

/** What init runs in: its program is bound into it, and the runtime adds its devices as the pod's root. */
async function makeRootfs(rootfs: string, owner: FileOwner | undefined): Promise<void> {
  const [proc, dev, program] = ["proc", "dev", "init"].map((name) => join(rootfs, name)) as [
    string,
    string,
    string,
  ];
  await mkdir(proc, { recursive: true, mode: 0o755 });
  await mkdir(dev, { mode: 0o755 });
  await writeFile(program, "", { mode: 0o755 });
  if (owner === undefined) return;
  for (const path of [rootfs, proc, dev, program]) await chown(path, owner.uid, owner.gid);
}

export async function removePodInit(
  record: PodSandboxRecord,
  { host }: PodAttempt,
  signal: AbortSignal,
): Promise<void> {
  if (!sharesPidNamespace(record)) return;
  const id = initContainerId(record.id);
  const { bundle } = host.paths.container(id);
  const pin = join(host.paths.pod(record.id).namespaces, "pid");
  await host.mounts.unmount(pin);
  await rm(pin, { force: true });
  await host.runtime.delete(id, record.handler, signal);
  await host.cgroups.remove(podInitCgroup(record, host.config.cgroup.driver), REMOVE_WAIT_MS);
  await rm(bundle, { recursive: true, force: true });
}

function initConfig(
  record: PodSandboxRecord,
  host: PodHost,
  { rootfs, oomScoreAdj }: { readonly rootfs: string; readonly oomScoreAdj: number },
): OciConfig {
  const pins = host.paths.pod(record.id).namespaces;
  const ociType = { net: "network", ipc: "ipc", uts: "uts" } as const;
  const users = record.config.security.namespaces.user;
  const namespaces: OciNamespace[] = [
    { type: "pid" },
    { type: "mount" },
    ...podNamespaceKinds(record.config).map((kind) => ({ type: ociType[kind], path: join(pins, kind) })),
    ...(users === undefined ? [] : [{ type: "user", path: join(pins, "user") } as const]),
  ];
  const id = users === undefined ? NOBODY : Math.min(NOBODY, users.uids.length - 1, users.gids.length - 1);
  const config: Omit<OciConfig, "ociVersion"> = {
    process: {
      user: { uid: id, gid: id },
      args: ["/init", "-P"],
      env: [],
      cwd: "/",
      noNewPrivileges: true,
      oomScoreAdj,
      capabilities: { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] },
    },
    root: { path: rootfs, readonly: true },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
      { destination: "/init", type: "bind", source: INIT_BINARY, options: ["bind", "ro", "nosuid", "nodev"] },
    ],
    linux: {
      ...ociMappings(users),
      namespaces,
      cgroupsPath: podCgroupsPath(record, host.config.cgroup.driver),
      resources: { devices: [{ allow: false, access: "rwm" }] },
    },
  };
  return { ociVersion: oldestOciVersion(config), ...config };
}

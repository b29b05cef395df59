import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pino, { type Logger } from "pino";
import { patience } from "../../../test/harness/patience.ts";
import { type ContainerId, newContainerId } from "../../base/ids.ts";
import { handlerSettings } from "../../config/handler-settings.ts";
import { type Paths, pathsOf } from "../../config/paths.ts";
import type { Config } from "../../config/schema.ts";
import { hostCgroups } from "../../linux/cgroups.ts";
import type { Cgroups } from "../../linux/contract.ts";
import { hostFiles } from "../../linux/files.ts";
import { HostThread } from "../../linux/host-thread.ts";
import { Launcher } from "../../linux/launcher.ts";
import { hostMounts } from "../../linux/mounts.ts";
import { hostNamespaces } from "../../linux/namespaces.ts";
import { hostProcesses } from "../../linux/processes.ts";
import { sandboxIdAnnotation } from "../../spec/cri/annotations.ts";
import type { OciConfig } from "../../spec/oci-runtime.ts";
import type { ContainerExit, ContainerRuntime, CreateRequest, MonitoredContainer } from "../contract.ts";
import type { RuntimeHost } from "../host.ts";
import { openContainerRuntime } from "../open.ts";
import { serveShimEvents } from "../shim/events.ts";
import { deadChildren, processesNaming } from "./processes.ts";
import { booksOf, isSandboxed, type TestedHandler } from "./tested-handler.ts";

/** Programs are looked for where the tests look: a CRIU that works may lie there before the distribution's. */
const path = process.env.PATH ?? "/usr/sbin:/usr/bin:/sbin:/bin";
/** One for the process: it adopts orphans. */
const launcher = new Launcher();
const thread = new HostThread(1000);
const log: Logger = pino({ level: process.env.BERTH_TEST_LOG ?? "silent" });
/** Who listens to shims, by the directory of the place. */
const events = new Map<string, AsyncDisposable>();

/** What newer ones of runsc have among their books for all sandboxes: a network namespace without a network. */
const runscsNetns = "null-netns";

/** Roots, cgroups and containers of one test run, on the real host but apart from anything else on it. */
export interface Place {
  readonly directory: string;
  readonly cgroup: string;
  /** Its name. */
  readonly handler: string;
  readonly tested: TestedHandler;
  readonly paths: Paths;
  readonly cgroups: Cgroups;
  readonly runtime: ContainerRuntime;
  /** The sandbox that its containers are in; undefined: they need none. */
  readonly sandbox: ContainerId | undefined;
}

/** What a container of a test runs, besides what all have. */
export interface BundleOptions {
  readonly args: readonly string[];
  readonly edit?: (config: OciConfig) => void;
  /** Another sandbox than the place's: its own id, for the container that it is made of. */
  readonly sandbox?: ContainerId;
}

/** How long what happens soon may take on a machine that does other things, too. */
export function soon(): AbortSignal {
  return AbortSignal.timeout(30_000 * patience);
}

export async function makePlace(tested: TestedHandler): Promise<Place> {
  const directory = await mkdtemp(join(tmpdir(), "berth-runtime-"));
  const place = await openPlace(directory, `/berth-test-${randomBytes(4).toString("hex")}`, tested);
  if (tested.monitor === "shim") events.set(directory, await serveShimEvents(place.paths, log));
  if (place.sandbox !== undefined) await runSandbox(place, place.sandbox);
  return place;
}

/** Starts a sandbox, as berth does it for a pod: by a container that waits. */
export async function runSandbox(
  place: Place,
  sandbox: ContainerId,
  edit?: BundleOptions["edit"],
): Promise<Made> {
  return await run(
    place,
    { args: ["sleep", "100000"], sandbox, ...(edit === undefined ? {} : { edit }) },
    sandbox,
  );
}

/** The place again, as a restarted daemon finds it, or another process. */
export async function openPlace(directory: string, cgroup: string, tested: TestedHandler): Promise<Place> {
  const paths = pathsOf({
    root: join(directory, "root"),
    state: join(directory, "run"),
    grpc: { socket: join(directory, "run", "berth.sock"), group: "", maxMessage: 0 },
  });
  const host = await testHost();
  const { cgroups } = host;
  const snapshots = { directory, probe: async () => undefined };
  const runtime = await openContainerRuntime(testConfig(tested, cgroup), paths, host, () => snapshots);
  await cgroups.create(`${cgroup}/monitors`);
  const sandbox = isSandboxed(tested) ? sandboxOf(directory) : undefined;
  return { directory, cgroup, handler: tested.name, tested, paths, cgroups, runtime, sandbox };
}

/** This host, for runtimes. */
export async function testHost(): Promise<RuntimeHost> {
  const mounts = hostMounts();
  return {
    processes: hostProcesses(),
    launcher,
    files: hostFiles(thread),
    cgroups: await hostCgroups(thread),
    mounts,
    namespaces: hostNamespaces(thread, mounts),
    log,
  };
}

/** The same for whoever opens the place. */
function sandboxOf(directory: string): ContainerId {
  return createHash("sha256").update(directory).digest("hex") as ContainerId;
}

export function testConfig(tested: TestedHandler, cgroup: string): Pick<Config, "runtime" | "cgroup"> {
  const configured = (binary: string) => handlerSettings({}, binary);
  return {
    runtime: {
      default: "broken",
      handlers: {
        broken: configured("false"),
        missing: configured("berth-has-no-such-runtime"),
        [tested.name]: { ...configured(tested.name), ...tested.config },
      },
      conmon: "conmon",
      monitorCpus: "0",
      sharedCpus: "",
      irqbalanceFile: "",
      path,
    },
    cgroup: { driver: "cgroupfs", parent: cgroup },
  };
}

/** Ids that runtimes and monitors have a trace of, but for the sandbox. */
export async function containersAt({ runtime, sandbox }: Place): Promise<ContainerId[]> {
  return (await runtime.traces()).filter((id) => id !== sandbox);
}

/** Deletes every container, and asserts that nothing is left on the host. */
export async function clearPlace(place: Place): Promise<void> {
  const { runtime, paths, handler, tested, cgroups, cgroup, directory, sandbox } = place;
  for (const id of await containersAt(place)) await runtime.delete(id, handler, soon());
  if (sandbox !== undefined) await runtime.delete(sandbox, handler, soon());
  const runtimeState: string[] = await readdir(booksOf(tested, paths)).catch(() => []);
  const ofContainers = runtimeState.filter((name) => name !== runscsNetns);
  assert.deepEqual(ofContainers, [], "what the runtime has on its books");
  assert.deepEqual(await readdir(paths.exits), [], "exit files");
  assert.deepEqual(await readdir(paths.shims).catch(() => []), [], "shims");
  assert.deepEqual(await readdir(paths.scratch), [], "what runtimes need for a moment");
  await until(() => deadChildren().length === 0, "the reaping of what is dead");
  assert.deepEqual(await processesNaming(directory), [], "monitors and runtimes that run");
  assert.deepEqual(await cgroups.below(cgroup), [cgroup, `${cgroup}/monitors`], "cgroups");
  await cgroups.remove(cgroup, 2000);
  await events.get(directory)?.[Symbol.asyncDispose]();
  const netns = join(booksOf(tested, paths), runscsNetns);
  if (runtimeState.includes(runscsNetns)) await hostMounts().unmount(netns);
  await rm(directory, { recursive: true });
}

/** Command lines with `text` in them of what was started in a container; of one of this host, of all processes there. */
export async function commandsIn(place: Place, id: ContainerId, text: string): Promise<string[]> {
  if (place.sandbox === undefined) return await processesNaming(text);
  const command = ["ps", "-o", "args"];
  const request = { id, handler: place.handler, command, timeout: undefined, maxOutput: 100_000 };
  const { stdout } = await place.runtime.execSync(request, soon());
  const [, ...lines] = Buffer.from(stdout).toString().trim().split("\n");
  return lines.filter((line) => line.includes(text));
}

/** A bundle with busybox as its root file system. */
export async function makeBundle(
  place: Place,
  { args, edit, sandbox = place.sandbox }: BundleOptions,
  id = newContainerId(),
): Promise<CreateRequest> {
  const { bundle, rootfs } = place.paths.container(id);
  const bin = join(rootfs, "bin");
  await mkdir(bin, { recursive: true });
  for (const name of ["proc", "dev", "tmp"]) await mkdir(join(rootfs, name));
  await copyFile("/bin/busybox", join(bin, "busybox"));
  for (const name of ["sh", "sleep", "echo", "cat", "true", "id", "setsid", "tail", "ps", "env", "head"])
    await symlink("busybox", join(bin, name));
  const config = bundleConfig(args, rootfs, `${place.cgroup}/${id}`);
  if (sandbox !== undefined) config.annotations = sandboxAnnotations(id, sandbox);
  edit?.(config);
  await writeFile(join(bundle, "config.json"), JSON.stringify(config));
  return {
    id,
    handler: place.handler,
    bundle,
    name: "test",
    logPath: join(place.directory, "logs", `${id}.log`),
    stdin: false,
    stdinOnce: false,
    tty: false,
    monitorCgroup: `${place.cgroup}/monitors`,
  };
}

function bundleConfig(args: readonly string[], rootfs: string, cgroupsPath: string): OciConfig {
  const some = ["CAP_KILL", "CAP_SETUID", "CAP_SETGID"];
  return {
    ociVersion: "1.0.2",
    process: {
      user: { uid: 0, gid: 0 },
      args: [...args],
      env: ["PATH=/bin", "GREETING=hello"],
      cwd: "/tmp",
      capabilities: { bounding: some, effective: some, permitted: some, inheritable: [], ambient: [] },
    },
    root: { path: rootfs },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"] },
      {
        destination: "/dev/pts",
        type: "devpts",
        source: "devpts",
        options: ["newinstance", "ptmxmode=0666"],
      },
    ],
    linux: {
      namespaces: [{ type: "pid" }, { type: "mount" }, { type: "ipc" }, { type: "uts" }],
      cgroupsPath,
      resources: { devices: [{ allow: true, access: "rwm" }] },
    },
  };
}

function sandboxAnnotations(id: ContainerId, sandbox: ContainerId): Record<string, string> {
  return {
    "io.kubernetes.cri.container-type": id === sandbox ? "sandbox" : "container",
    [sandboxIdAnnotation]: sandbox,
  };
}

/** A container that was created, and how to end waiting for its exit. */
export interface Made {
  readonly id: ContainerId;
  readonly request: CreateRequest;
  readonly container: MonitoredContainer;
}

export async function create(place: Place, options: BundleOptions, id?: ContainerId): Promise<Made> {
  const request = await makeBundle(place, options, id);
  const container = await place.runtime.create(request, soon());
  return { id: request.id, request, container };
}

export async function run(place: Place, options: BundleOptions, id?: ContainerId): Promise<Made> {
  const made = await create(place, options, id);
  await place.runtime.start(made.id, place.handler, soon());
  return made;
}

/** The exit as the watch tells it. */
export async function exitTold(place: Place, { id, container }: Made): Promise<ContainerExit> {
  const told = Promise.withResolvers<ContainerExit>();
  using _watch = place.runtime.watchExits(
    () => [{ id, container }],
    async (exit) => told.resolve(exit),
  );
  return await Promise.race([told.promise, timeUp("no exit was told")]);
}

/** Asks until it is true. */
export async function until(question: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const signal = soon();
  while (!(await question())) {
    assert.ok(!signal.aborted, `waited in vain: ${what}`);
    await sleep(10);
  }
}

async function timeUp(message: string): Promise<never> {
  await sleep(30_000 * patience, undefined, { ref: false });
  throw new Error(message);
}

/** The container's log, once it holds `text`. */
export async function logWith({ request }: Made, text: string): Promise<string> {
  const file = request.logPath ?? "";
  await until(async () => (await readFile(file, "utf8")).includes(text), `"${text}" in the log`);
  return await readFile(file, "utf8");
}

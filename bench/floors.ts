import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { Namespaces, Processes } from "../src/linux/contract.ts";
import { HostThread } from "../src/linux/host-thread.ts";
import { Launcher } from "../src/linux/launcher.ts";
import { hostMounts } from "../src/linux/mounts.ts";
import { hostNamespaces } from "../src/linux/namespaces.ts";
import { Pipe } from "../src/linux/pipe.ts";
import { hostProcesses } from "../src/linux/processes.ts";
import { ociJson } from "../src/spec/oci-json.ts";
import type { TestDaemon } from "../test/harness/daemon.ts";
import { podConfig, shellConfig } from "../test/harness/pods.ts";
import type { Workspace } from "../test/harness/workspace.ts";
import type { Note } from "./pod-life.ts";

/** What berth starts, started by nothing but this: its time is what no runtime with these programs can go below. */
export interface FloorParts {
  readonly workspace: Workspace;
  readonly namespaces: Namespaces;
  readonly processes: Processes;
  readonly launcher: Launcher;
  /** A container's config.json as berth made it. */
  readonly config: string;
}

type BerthSide = Pick<TestDaemon, "pods" | "workspace">;

const never = new AbortController().signal;
const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };
const plugins = "/usr/lib/cni";

/** Runs a program that has to succeed. */
async function run(
  { processes }: FloorParts,
  path: string,
  args: readonly string[],
  more: { stdin?: string; env?: Record<string, string> } = {},
): Promise<string> {
  const command = { path, args, env: { ...env, ...more.env }, maxOutput: 1 << 20 };
  const finished = await processes.run(
    { ...command, ...(more.stdin === undefined ? {} : { stdin: more.stdin }) },
    never,
  );
  const said = (bytes: Uint8Array) => Buffer.from(bytes).toString();
  if (finished.code !== 0)
    throw new Error(`${path} ${args.join(" ")}: ${said(finished.stdout)}${said(finished.stderr)}`);
  return said(finished.stdout);
}

/** What a bare pod has on the host. */
interface BarePod {
  readonly id: string;
  readonly directory: string;
  readonly pins: string;
  readonly crun: readonly string[];
  readonly plugins: readonly PluginConfig[];
  prevResult: unknown;
}

type PluginConfig = object & { readonly type: string };

/** What bare pods are made with, like those of this berth and in its network; the threads end with the stack. */
export async function floorParts(
  berth: BerthSide,
  image: string,
  stack: AsyncDisposableStack,
): Promise<FloorParts> {
  return {
    workspace: berth.workspace,
    namespaces: hostNamespaces(stack.use(new HostThread(12_000)), hostMounts()),
    processes: hostProcesses(),
    launcher: new Launcher(),
    config: await exampleConfig(berth, image),
  };
}

/** A container's config.json as berth writes it. */
async function exampleConfig({ pods, workspace }: BerthSide, image: string): Promise<string> {
  const config = podConfig({ workspace }, "example");
  const { podSandboxId } = await pods.runPodSandbox({ config, runtimeHandler: "" });
  const { containerId } = await pods.createContainer({
    podSandboxId,
    config: shellConfig("main", image, "sleep 9999"),
    sandboxConfig: config,
  });
  const text = readFileSync(join(workspace.state, "containers", containerId, "config.json"), "utf8");
  await pods.stopPodSandbox({ podSandboxId });
  await pods.removePodSandbox({ podSandboxId });
  return text;
}

/** One bare pod: CNI plugins, conmon with crun create, crun start, and all of it back, each timed. */
export async function barePod(index: number, parts: FloorParts, note: Note): Promise<void> {
  const directory = join(parts.workspace.directory, `bare-${index}`);
  const network = conflist(parts.workspace);
  const pod: BarePod = {
    id: `bare${index}`,
    directory,
    pins: join(directory, "ns"),
    crun: ["--root", join(directory, "crun")],
    plugins: network.plugins.map((plugin) => ({ ...plugin, name: network.name, cniVersion: "1.0.0" })),
    prevResult: undefined,
  };
  mkdirSync(pod.pins, { recursive: true });
  await parts.namespaces.pin({
    directory: pod.pins,
    kinds: ["net", "uts", "ipc"],
    hostname: pod.id,
    sysctls: {},
  });
  await bareUp(pod, parts, note);
  const began = performance.now();
  await run(parts, "/usr/bin/crun", [...pod.crun, "exec", pod.id, "/bin/busybox", "true"]);
  note("bare crun exec true", performance.now() - began);
  await bareDown(pod, parts, note);
  await parts.namespaces.unpin(pod.pins);
  rmSync(directory, { recursive: true, force: true });
}

/** Notes each step, and all of them together under a name of their own. */
function steps(all: string, note: Note) {
  let sum = 0;
  return {
    timed: async <T>(name: string, work: () => Promise<T>): Promise<T> => {
      const began = performance.now();
      const result = await work();
      const ms = performance.now() - began;
      note(name, ms);
      sum += ms;
      return result;
    },
    end: () => note(all, sum),
  };
}

async function bareUp(pod: BarePod, parts: FloorParts, note: Note): Promise<void> {
  const { timed, end } = steps("bare up", note);
  for (const config of pod.plugins) {
    const printed = await timed(`bare CNI ADD ${config.type}`, () => cni("ADD", pod, config, parts));
    pod.prevResult = JSON.parse(printed);
  }
  makeBundle(pod.directory, pod.id, pod.pins, parts);
  await timed("bare conmon + crun create", () => bareCreate(pod.directory, pod.id, parts));
  await timed("bare crun start", () => run(parts, "/usr/bin/crun", [...pod.crun, "start", pod.id]));
  end();
}

async function bareDown(pod: BarePod, parts: FloorParts, note: Note): Promise<void> {
  const { timed, end } = steps("bare down", note);
  await timed("bare crun kill, delete", () =>
    run(parts, "/usr/bin/crun", [...pod.crun, "delete", "--force", pod.id]),
  );
  for (const config of pod.plugins.toReversed())
    await timed(`bare CNI DEL ${config.type}`, () => cni("DEL", pod, config, parts));
  end();
}

function cni(command: string, pod: BarePod, config: PluginConfig, parts: FloorParts): Promise<string> {
  return run(parts, join(plugins, config.type), [], {
    stdin: JSON.stringify({ ...config, prevResult: pod.prevResult }),
    env: {
      CNI_COMMAND: command,
      CNI_CONTAINERID: pod.id,
      CNI_NETNS: join(pod.pins, "net"),
      CNI_IFNAME: "eth0",
      CNI_PATH: plugins,
    },
  });
}

function conflist({ confDir }: Workspace): { name: string; plugins: { type: string }[] } {
  return JSON.parse(readFileSync(join(confDir, "10-test.conflist"), "utf8"));
}

/** The container that berth made, with busybox alone as its root and namespaces of this process. */
function makeBundle(directory: string, id: string, pins: string, parts: FloorParts): void {
  const bin = join(directory, "rootfs/bin");
  mkdirSync(bin, { recursive: true });
  copyFileSync("/bin/busybox", join(bin, "busybox"));
  symlinkSync("busybox", join(bin, "sh"));
  symlinkSync("busybox", join(bin, "sleep"));
  const config = JSON.parse(parts.config);
  config.root.path = join(directory, "rootfs");
  config.linux.cgroupsPath = `${parts.workspace.cgroupParent}/${id}`;
  config.mounts = config.mounts.filter(({ source = "" }) => !source.startsWith(parts.workspace.directory));
  const files: Record<string, string> = { network: "net", uts: "uts", ipc: "ipc" };
  for (const namespace of config.linux.namespaces) {
    const file = files[namespace.type];
    if (file !== undefined) namespace.path = join(pins, file);
  }
  writeFileSync(join(directory, "config.json"), ociJson(config));
}

async function bareCreate(directory: string, id: string, { launcher }: FloorParts): Promise<void> {
  using sync = new Pipe();
  using start = new Pipe();
  const root = `--root=${join(directory, "crun")}`;
  using launched = await launcher.launch(
    {
      path: "/usr/bin/conmon",
      args: [
        ...["--api-version", "1", "--cid", id, "--cuuid", id, "--name", id, "--runtime", "/usr/bin/crun"],
        ...["--runtime-arg", root, "--bundle", directory, "--container-pidfile", join(directory, "pid")],
        ...["--conmon-pidfile", join(directory, "conmon.pid"), "--log-path", `k8s-file:${directory}/log`],
        ...["--exit-dir", directory, "--persist-dir", directory, "--full-attach", "--no-sync-log"],
      ],
      env: { ...env, _OCI_SYNCPIPE: "3", _OCI_STARTPIPE: "4" },
      cwd: directory,
      more: [sync.write, start.read],
    },
    1 << 16,
    never,
  );
  sync.close("write");
  start.close("read");
  writeSync(start.write, "\n");
  start.close("write");
  await launched.exited;
  const line = await sync.firstLine(1 << 16, never);
  const { data, message } = JSON.parse(line) as { data: number; message?: string };
  if (data <= 0) throw new Error(`conmon: ${message}`);
}

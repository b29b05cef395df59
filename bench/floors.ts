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
import type { Launcher } from "../src/linux/launcher.ts";
import { Pipe } from "../src/linux/pipe.ts";
import type { Workspace } from "../test/harness/workspace.ts";
import type { Readings } from "./figures.ts";

/** What berth starts, started by nothing but this: its time is what no runtime with these programs can go below. */
export interface FloorParts {
  readonly workspace: Workspace;
  readonly namespaces: Namespaces;
  readonly processes: Processes;
  readonly launcher: Launcher;
  /** A container's config.json as berth made it. */
  readonly config: string;
}

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

/** One bare pod: CNI plugins, conmon with crun create, crun start, each timed; then taken away. */
export async function bareStart(index: number, parts: FloorParts, readings: Readings): Promise<number> {
  const directory = join(parts.workspace.directory, `bare-${index}`);
  const pins = join(directory, "ns");
  const id = `bare${index}`;
  mkdirSync(pins, { recursive: true });
  let sum = 0;
  const timed = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const began = performance.now();
    const result = await work();
    const ms = performance.now() - began;
    readings.add(name, ms);
    sum += ms;
    return result;
  };
  await parts.namespaces.pin({ directory: pins, kinds: ["net", "uts", "ipc"], hostname: id, sysctls: {} });
  const network = conflist(parts.workspace);
  const cni = (command: string, config: object) =>
    run(parts, join(plugins, (config as { type: string }).type), [], {
      stdin: JSON.stringify(config),
      env: {
        CNI_COMMAND: command,
        CNI_CONTAINERID: id,
        CNI_NETNS: join(pins, "net"),
        CNI_IFNAME: "eth0",
        CNI_PATH: plugins,
      },
    });
  const configs = network.plugins.map((plugin) => ({ ...plugin, name: network.name, cniVersion: "1.0.0" }));
  let prevResult: unknown;
  for (const config of configs) {
    const printed = await timed(`bare CNI ADD ${config.type}`, () => cni("ADD", { ...config, prevResult }));
    prevResult = JSON.parse(printed);
  }
  makeBundle(directory, id, pins, parts);
  const crun = ["--root", join(directory, "crun")];
  await timed("bare conmon + crun create", () => bareCreate(directory, id, parts));
  await timed("bare crun start", () => run(parts, "/usr/bin/crun", [...crun, "start", id]));
  await run(parts, "/usr/bin/crun", [...crun, "delete", "--force", id]);
  for (const config of configs.toReversed()) await cni("DEL", { ...config, prevResult });
  await parts.namespaces.unpin(pins);
  rmSync(directory, { recursive: true, force: true });
  return sum;
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
  writeFileSync(join(directory, "config.json"), JSON.stringify(config));
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
      maxOutput: 1 << 16,
    },
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

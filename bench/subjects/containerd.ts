import { writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Cgroups } from "../../src/linux/contract.ts";
import { pauseImage } from "../registry.ts";
import { startProcess } from "./process.ts";
import { peerWorkspace, type Subject, subjectOf } from "./subject.ts";

/**
 * Starts a containerd, from 1.6 on, with its default runtime, runc, or another.
 *
 * @param how its path, beside which runc's shim has to lie, and what may come after: `,shim=PATH,config=FILE`
 * @param registry as in `127.0.0.1:5000`; its pause image is taken
 */
export async function startContainerd(
  name: string,
  how: string,
  registry: string,
  cgroups: Cgroups,
  workspace = peerWorkspace(),
): Promise<Subject> {
  const { root, state, confDir, directory } = workspace;
  const [program = "", ...settings] = how.split(",");
  const { shim, configPath } = shimOf(settings);
  const socket = join(directory, "containerd.sock");
  const config = join(directory, "containerd.toml");
  // Version 2, which newer ones read, too. The pause processes' score is kept where this program may not lower it.
  writeFileSync(
    config,
    `version = 2
root = "${root}"
state = "${state}"
[grpc]
  address = "${socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "${directory}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${registry}/${pauseImage}"
  netns_mounts_under_state_dir = true
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "${confDir}"
${shim === undefined ? "" : runtimeTables(shim, configPath)}`,
  );
  const programs = [program, ...(shim === undefined ? [] : [shim])].map((path) => dirname(path));
  const env = { PATH: [...programs, process.env.PATH].join(":") };
  const { pid, close } = await startProcess([program, "--config", config], env, socket, workspace);
  return subjectOf(
    { name, isBerth: false, workspace, socket, pid, isOwn: true, imageDirectory: root, close },
    cgroups,
  );
}

function shimOf(settings: readonly string[]): { shim: string | undefined; configPath: string } {
  const setting = (key: string) => settings.find((each) => each.startsWith(`${key}=`))?.slice(key.length + 1);
  return { shim: setting("shim"), configPath: setting("config") ?? "" };
}

/** The runtime of all pods: the shim, which containerd looks for by the runtime's type. @throws {Error} for what is named otherwise */
function runtimeTables(shim: string, configPath: string): string {
  const [, name, version] = /^containerd-shim-(\w+)-(v\d+)$/.exec(basename(shim)) ?? [];
  if (name === undefined) throw new Error(`${shim} is not named containerd-shim-NAME-VERSION`);
  const table = 'plugins."io.containerd.grpc.v1.cri".containerd';
  return `[${table}]
  default_runtime_name = "measured"
[${table}.runtimes.measured]
  runtime_type = "io.containerd.${name}.${version}"
[${table}.runtimes.measured.options]
  TypeUrl = "io.containerd.${name}.${version}.options"
  ConfigPath = "${configPath}"
`;
}

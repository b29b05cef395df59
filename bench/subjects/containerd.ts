import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Cgroups } from "../../src/linux/contract.ts";
import { pauseImage } from "../registry.ts";
import { startProcess } from "./process.ts";
import { peerWorkspace, type Subject, subjectOf } from "./subject.ts";

/**
 * Starts a containerd, from 1.6 on, with its default runtime, runc.
 *
 * @param program its path; the shim has to lie beside it
 * @param registry as in `127.0.0.1:5000`; its pause image is taken
 */
export async function startContainerd(
  name: string,
  program: string,
  registry: string,
  cgroups: Cgroups,
  workspace = peerWorkspace(),
): Promise<Subject> {
  const { root, state, confDir, directory } = workspace;
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
`,
  );
  const env = { PATH: `${dirname(program)}:${process.env.PATH}` };
  const { pid, close } = await startProcess([program, "--config", config], env, socket, workspace);
  return subjectOf(
    { name, isBerth: false, workspace, socket, pid, isOwn: true, imageDirectory: root, close },
    cgroups,
  );
}

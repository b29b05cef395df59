import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { Cgroups } from "../../src/linux/contract.ts";
import { removeWorkspace, sweepScript } from "../../test/harness/workspace.ts";
import { startProcess } from "./process.ts";
import { peerWorkspace, type Subject, subjectOf } from "./subject.ts";

/**
 * Any other CRI daemon.
 *
 * @param how `unix:///path[,pid=N][,images=DIRECTORY]` for one that runs, or a shell command that starts one in the
 *   foreground: with its directories below $BENCH_DIRECTORY, CNI configuration from $BENCH_NET_D, images from
 *   $BENCH_REGISTRY over plain HTTP, and its socket at $BENCH_SOCKET
 */
export async function startPeer(
  name: string,
  how: string,
  registry: string,
  cgroups: Cgroups,
): Promise<Subject> {
  return how.startsWith("unix:") ? running(name, how, cgroups) : started(name, how, registry, cgroups);
}

async function running(name: string, how: string, cgroups: Cgroups): Promise<Subject> {
  const [socket = "", ...settings] = how.split(",");
  const setting = (key: string) => settings.find((each) => each.startsWith(`${key}=`))?.slice(key.length + 1);
  const workspace = peerWorkspace();
  const pid = setting("pid");
  const close = async () => {
    spawnSync("sh", ["-c", sweepScript(workspace)], { stdio: "ignore" });
    removeWorkspace(workspace);
  };
  return subjectOf(
    {
      name,
      isBerth: false,
      workspace,
      socket,
      pid: pid === undefined ? undefined : Number(pid),
      isOwn: false,
      imageDirectory: setting("images"),
      close,
    },
    cgroups,
  );
}

async function started(name: string, how: string, registry: string, cgroups: Cgroups): Promise<Subject> {
  const workspace = peerWorkspace();
  const socket = join(workspace.directory, "peer.sock");
  const env = {
    BENCH_DIRECTORY: workspace.directory,
    BENCH_NET_D: workspace.confDir,
    BENCH_REGISTRY: registry,
    BENCH_SOCKET: socket,
  };
  // exec: the shell's pid is to be the daemon's.
  const { pid, close } = await startProcess(["sh", "-c", `exec ${how}`], env, socket, workspace);
  return subjectOf(
    {
      name,
      isBerth: false,
      workspace,
      socket,
      pid,
      isOwn: true,
      imageDirectory: workspace.directory,
      close,
    },
    cgroups,
  );
}

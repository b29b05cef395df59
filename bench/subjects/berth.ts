import type { Cgroups } from "../../src/linux/contract.ts";
import { TestDaemon } from "../../test/harness/daemon.ts";
import { type Subject, subjectOf } from "./subject.ts";

/**
 * Starts berth with this default handler.
 *
 * @param root where it keeps its images instead of below its workspace's directory
 */
export async function startBerth(
  runtime: "crun" | "runc",
  cgroups: Cgroups,
  root?: string,
): Promise<Subject> {
  const daemon = await TestDaemon.start({
    runtime,
    mounts: "caller's",
    ...(root === undefined ? {} : { root }),
  });
  return subjectOf(
    {
      name: `berth, ${runtime}`,
      isBerth: true,
      workspace: daemon.workspace,
      socket: daemon.workspace.socket,
      pid: daemon.pid,
      isOwn: true,
      imageDirectory: daemon.workspace.root,
      close: () => daemon.close(),
    },
    cgroups,
  );
}

import { readFileSync } from "node:fs";
import type { Cgroups } from "../../src/linux/contract.ts";
import { type DaemonOptions, TestDaemon } from "../../test/harness/daemon.ts";
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
  return await start(runtime, { runtime, ...(root === undefined ? {} : { root }) }, cgroups);
}

/** The same with runc under a shim. @param program the shim's path */
export async function startBerthWithShim(name: string, program: string, cgroups: Cgroups): Promise<Subject> {
  const extraConfig = `
[runtime.handlers.runc-shim]
type = "io.containerd.runc.v2"
runtimePath = "${program}"
`;
  return await start(name, { runtime: "runc", handler: "runc-shim", extraConfig }, cgroups);
}

/** The same with a handler of one's own. @param file TOML, whose first handler is taken */
export async function startBerthWithHandler(name: string, file: string, cgroups: Cgroups): Promise<Subject> {
  const extraConfig = readFileSync(file, "utf8");
  const handler = /^\[runtime\.handlers\.([\w-]+)\]$/m.exec(extraConfig)?.[1];
  if (handler === undefined) throw new Error(`${file}: there is no [runtime.handlers.…]`);
  return await start(name, { runtime: "runc", handler, extraConfig }, cgroups);
}

async function start(name: string, options: DaemonOptions, cgroups: Cgroups): Promise<Subject> {
  const daemon = await TestDaemon.start({ ...options, mounts: "caller's" });
  return subjectOf(
    {
      name: `berth, ${name}`,
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

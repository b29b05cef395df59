import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Cgroups } from "../../src/linux/contract.ts";
import { ImageServiceService, RuntimeServiceService } from "../../src/wire/gen/runtime.v1.ts";
import { type Connection, connect } from "../../src/wire/grpc/client.ts";
import type { Calls } from "../../src/wire/grpc/method.ts";
import { makeWorkspace, type Workspace } from "../../test/harness/workspace.ts";
import { enterCgroup } from "../cpu.ts";

/** A daemon that is measured, and where it does its work. */
export interface Subject {
  /** As in the table's heading. */
  readonly name: string;
  /** berth itself; all others are its peers. */
  readonly isBerth: boolean;
  /** As the daemon names itself, as in `containerd 1.6.20`. */
  readonly version: string;
  readonly pods: Calls<typeof RuntimeServiceService>;
  readonly images: Calls<typeof ImageServiceService>;
  readonly socket: string;
  /** Directories, network and cgroup that no other subject has. */
  readonly workspace: Workspace;
  /** The daemon's process. Undefined: its memory and CPU aren't known. */
  readonly pid: number | undefined;
  /**
   * A cgroup that holds the daemon, all that it starts and its pods, so that the CPU time of all of it can be read in one
   * place. Undefined for a daemon that was running before.
   */
  readonly cgroup: string | undefined;
  /** Where its images lie. Undefined: not known. */
  readonly imageDirectory: string | undefined;
  /** Ends the daemon and takes away what it left. */
  close(): Promise<void>;
}

/** What tells one way of starting a daemon from another. */
export interface SubjectParts {
  readonly name: string;
  readonly isBerth: boolean;
  readonly workspace: Workspace;
  readonly socket: string;
  readonly pid: number | undefined;
  /** Whether this program started it, so that it may be put into a cgroup. */
  readonly isOwn: boolean;
  readonly imageDirectory: string | undefined;
  close(): Promise<void>;
}

/** Connects to a daemon that answers, and puts it into its cgroup. When that fails, it is closed. */
export async function subjectOf(parts: SubjectParts, cgroups: Cgroups): Promise<Subject> {
  const connection: Connection = connect(parts.socket);
  const close = async () => {
    connection.close();
    await parts.close();
  };
  try {
    return { ...(await described(parts, connection, cgroups)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function described(
  { name, isBerth, workspace, socket, pid, isOwn, imageDirectory }: SubjectParts,
  connection: Connection,
  cgroups: Cgroups,
): Promise<Omit<Subject, "close">> {
  const pods = connection.calls(RuntimeServiceService);
  const { runtimeName, runtimeVersion } = await pods.version({ version: "v1" });
  if (isOwn && pid !== undefined) await enterCgroup(cgroups, join(workspace.cgroupParent, "daemon"), pid);
  return {
    name,
    isBerth,
    version: `${runtimeName} ${runtimeVersion}`,
    pods,
    images: connection.calls(ImageServiceService),
    socket,
    workspace,
    pid,
    cgroup: isOwn ? workspace.cgroupParent : undefined,
    imageDirectory,
  };
}

/**
 * Surroundings for a daemon that isn't berth: the same kind of network, a cgroup, directories.
 *
 * @param root where it keeps its images instead of below the workspace's directory
 */
export function peerWorkspace(root?: string): Workspace {
  const workspace = makeWorkspace({ runtime: "runc", ...(root === undefined ? {} : { root }) });
  for (const path of [workspace.root, workspace.state]) mkdirSync(path, { recursive: true });
  return workspace;
}

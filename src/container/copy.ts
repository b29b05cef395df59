import { posix } from "node:path";
import { deadlineIn } from "../base/deadline.ts";
import { Fault } from "../base/fault.ts";
import type { CopyCall, CopyRoot } from "../copy/contract.ts";
import type { Copies, RunningCopy } from "../copy/copies.ts";
import { undoAttempt } from "./create.ts";
import type { ContainerParts } from "./parts.ts";
import { mountRootfs } from "./rootfs.ts";
import type { ContainerRecord } from "./state.ts";

/** Copies files into or out of a container; of one that has ended, its own layer and image. @throws {Fault} wrongState, exhausted */
export async function copyFiles(
  record: ContainerRecord,
  call: CopyCall,
  parts: ContainerParts,
  copies: Copies,
): Promise<RunningCopy> {
  requireFiles(record, call);
  const root = liveRoot(record) ?? (await restingRoot(record, parts));
  return copies.start(root, call);
}

/**
 * The same record: of one whose files can be reached. What is mounted in a container is there only while it runs: before and
 * after, what lies below the mounts must not be taken for it.
 *
 * @throws {Fault} wrongState
 */
export function requireFiles(record: ContainerRecord, { path }: CopyCall): ContainerRecord {
  const { state, config, id } = record;
  if (state.kind === "created" || state.kind === "running") return record;
  if (state.kind !== "exited") {
    throw new Fault("wrongState", `files of container ${id} can't be copied: it is ${state.kind}`);
  }
  const wanted = posix.resolve("/", path);
  const mount = config.mounts.find(({ containerPath }) =>
    isWithin(wanted, posix.resolve("/", containerPath)),
  );
  if (mount === undefined) return record;
  throw new Fault("wrongState", `${path} lies in a volume, which is there only while the container runs`, {
    hint: `its files are in ${mount.hostPath} on the node`,
  });
}

function isWithin(path: string, directory: string): boolean {
  return directory === "/" || path === directory || path.startsWith(`${directory}/`);
}

/** The root as the container's own process has it, with all that is mounted there. */
function liveRoot({ state }: ContainerRecord): CopyRoot | undefined {
  if (state.kind !== "created" && state.kind !== "running") return undefined;
  const { init } = state.process;
  return { directory: `/proc/${init.pid}/root`, process: init };
}

async function restingRoot(record: ContainerRecord, { book, host, pods }: ContainerParts): Promise<CopyRoot> {
  using deadline = deadlineIn(host.config.deadline.createContainer);
  using _container = await book.locks.hold(record.id, deadline.signal);
  if (book.records.get(record.id)?.state.kind !== "exited") {
    throw new Fault("wrongState", `container ${record.id} has just changed`);
  }
  const { rootfs } = host.paths.container(record.id);
  const isMounted = (await host.mounts.below(rootfs)).some(({ target }) => target === rootfs);
  // a reboot has taken the mount; as that of its create, it goes when the container is removed
  if (!isMounted) await mountRootfs(record, undoAttempt(host));
  const users = pods.get(record.podId).config.security.namespaces.user;
  return { directory: rootfs, ...(users && { ids: { uids: [users.uids], gids: [users.gids] } }) };
}

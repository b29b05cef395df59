import { posix } from "node:path";
import { deadlineIn } from "../base/deadline.ts";
import { Fault } from "../base/fault.ts";
import type { CopyCall, CopyRoot } from "../copy/contract.ts";
import type { Copies, RunningCopy } from "../copy/copies.ts";
import type { ContainerParts } from "./parts.ts";
import { mountRootfs } from "./rootfs.ts";
import type { ContainerRecord, LiveState } from "./state.ts";
import { emptyAttempt } from "./undo.ts";

type LiveContainer = ContainerRecord & { readonly state: LiveState };

/** Copies files into or out of a container; of one that has ended, its own layer and image. @throws {Fault} wrongState, exhausted */
export async function copyFiles(
  record: ContainerRecord,
  call: CopyCall,
  parts: ContainerParts,
  copies: Copies,
): Promise<RunningCopy> {
  requireFiles(record, call);
  const root = isLive(record) ? await liveRoot(record, call, parts) : await restingRoot(record, parts);
  return copies.start(root, call);
}

function isLive(record: ContainerRecord): record is LiveContainer {
  return record.state.kind === "created" || record.state.kind === "running";
}

/**
 * The same record: of one whose files can be reached. What is mounted in a container is there only while it runs: before and
 * after, what lies below the mounts must not be taken for it.
 *
 * @throws {Fault} wrongState
 */
export function requireFiles(record: ContainerRecord, call: CopyCall): ContainerRecord {
  const { state, id } = record;
  if (isLive(record)) return record;
  if (state.kind !== "exited") {
    throw new Fault("wrongState", `files of container ${id} can't be copied: it is ${state.kind}`);
  }
  requireNoVolume(record, call, "is there only while the container runs");
  return record;
}

/** @throws {Fault} wrongState when the path lies in a volume, which `why` */
function requireNoVolume({ config }: ContainerRecord, { path }: CopyCall, why: string): void {
  const wanted = posix.resolve("/", path);
  const mount = config.mounts.find(({ containerPath }) =>
    isWithin(wanted, posix.resolve("/", containerPath)),
  );
  if (mount === undefined) return;
  throw new Fault("wrongState", `${path} lies in a volume, which ${why}`, {
    hint: `its files are in ${mount.hostPath} on the node`,
  });
}

function isWithin(path: string, directory: string): boolean {
  return directory === "/" || path === directory || path.startsWith(`${directory}/`);
}

/**
 * The root as the container's own process has it, with all that is mounted there; of one in a sandbox, whose processes this host
 * does not have, what the sandbox was given as its root.
 */
async function liveRoot(record: LiveContainer, call: CopyCall, { host }: ContainerParts): Promise<CopyRoot> {
  const { state, id, handler } = record;
  const { init } = state.process;
  if (host.runtime.isOnHost(id, handler)) return { directory: `/proc/${init.pid}/root`, process: init };
  requireNoVolume(record, call, "only the container's sandbox has");
  const directory = host.paths.container(id).rootfs;
  if (await isMounted(directory, host)) return { directory };
  throw new Fault("wrongState", `the files of container ${id} are on a device that its sandbox has now`, {
    hint: "berth exec with tar copies them, where the image has that",
  });
}

async function isMounted(
  rootfs: string,
  { mounts }: Pick<ContainerParts["host"], "mounts">,
): Promise<boolean> {
  return (await mounts.below(rootfs)).some(({ target }) => target === rootfs);
}

async function restingRoot(record: ContainerRecord, { book, host, pods }: ContainerParts): Promise<CopyRoot> {
  using deadline = deadlineIn(host.config.deadline.createContainer);
  using _container = await book.locks.hold(record.id, deadline.signal);
  if (book.records.get(record.id)?.state.kind !== "exited") {
    throw new Fault("wrongState", `container ${record.id} has just changed`);
  }
  const { rootfs } = host.paths.container(record.id);
  // a reboot has taken the mount, or a sandbox its device; as that of its create, it goes when the container is removed
  if (!(await isMounted(rootfs, host))) await mountRootfs(record, emptyAttempt(host));
  const users = pods.get(record.podId).config.security.namespaces.user;
  return { directory: rootfs, ...(users && { ids: { uids: [users.uids], gids: [users.gids] } }) };
}

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { release } from "node:os";
import { dirname } from "node:path";
import { describeFault } from "../../../base/fault.ts";
import { probeIdmap } from "../../../linux/bind-mount.ts";
import { parseMountinfo } from "../../../linux/mountinfo.ts";
import { NamespaceHolder } from "../../../linux/namespace-holder.ts";
import type { BerthView } from "../daemon-view.ts";
import { type Finding, note, ok } from "../finding.ts";
import type { NodeView } from "../node-view.ts";

const why = "pods with hostUsers: false can't start; all others can";
const remedy = "docs/user-namespaces.md says what they need; then start the daemon again";

/** Whether pods can have user namespaces: as the daemon tried it out with each runtime, or as far as it goes without. */
export async function checkUsers({ config, daemon, disksAnswer }: NodeView): Promise<Finding[]> {
  const isRoot = process.geteuid?.() === 0;
  if (daemon.kind === "berth") {
    const findings = asTheDaemonSays(daemon);
    const isAble = findings.some(({ severity }) => severity === "ok");
    return isAble && isRoot ? [...findings, ...(await volumesInMemory())] : findings;
  }
  if (!isRoot)
    return [note("user namespaces were not tried, as only root may", "", "sudo berth doctor users")];
  await disksAnswer();
  const finding = await asTheHostSays(existing(config.root));
  return finding.severity === "ok" ? [finding, ...(await volumesInMemory())] : [finding];
}

/** Which handlers can; why others can't is among what is told of each. */
function asTheDaemonSays({ status }: BerthView): Finding[] {
  const named = status.runtimeHandlers.filter(({ name }) => name !== ""); // the default is among them
  const able = named.filter(({ features }) => features?.userNamespaces === true);
  if (able.length > 0) return able.map(({ name }) => ok(`pods with user namespaces work with ${name}`));
  return [note("no runtime handler has user namespaces", why, "berth doctor runtimes says what they lack")];
}

/** What the runtimes make of it only the daemon tries out. */
async function asTheHostSays(directory: string): Promise<Finding> {
  try {
    await showMapped(directory);
    return ok(`user namespaces can be made, and the file system of ${directory} can show their ids`);
  } catch (error) {
    return note(`user namespaces can't be used: ${describeFault(error)}`, why, remedy);
  }
}

/** The kubelet keeps some volumes on tmpfs, which learned to show other ids later than file systems on disks. */
async function volumesInMemory(): Promise<Finding[]> {
  const shm = "/dev/shm";
  const mounts = parseMountinfo(await readFile("/proc/self/mountinfo"));
  if (mounts.findLast(({ target }) => target === shm)?.type !== "tmpfs") return [];
  try {
    await showMapped(shm);
    return [];
  } catch {
    return [
      note(
        `tmpfs can't show the ids of user namespaces on Linux ${release()}: it can from 6.3 on`,
        "pods with hostUsers: false can't have what the kubelet keeps there: secrets, service accounts' tokens, emptyDirs in memory",
        "a newer kernel; for the token, automountServiceAccountToken: false",
      ),
    ];
  }
}

/** @throws {Fault} when no user namespace can be made, or its ids can't be shown there */
async function showMapped(directory: string): Promise<void> {
  const ids = { hostId: 1_000_000_000, length: 65_536 };
  using holder = new NamespaceHolder([], { uids: ids, gids: ids });
  await probeIdmap(directory, `/proc/${holder.pid}/ns/user`);
}

function existing(directory: string): string {
  return existsSync(directory) ? directory : existing(dirname(directory));
}

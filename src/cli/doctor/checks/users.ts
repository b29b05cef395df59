import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { describeFault } from "../../../base/fault.ts";
import { probeIdmap } from "../../../linux/bind-mount.ts";
import { NamespaceHolder } from "../../../linux/namespace-holder.ts";
import type { BerthView } from "../daemon-view.ts";
import { type Finding, note, ok } from "../finding.ts";
import type { NodeView } from "../node-view.ts";

const why = "pods with hostUsers: false can't start; all others can";
const remedy = "docs/user-namespaces.md says what they need; then start the daemon again";

/** Whether pods can have user namespaces: as the daemon tried it out with each runtime, or as far as it goes without. */
export async function checkUsers({ config, daemon, disksAnswer }: NodeView): Promise<Finding[]> {
  if (daemon.kind === "berth") return asTheDaemonSays(daemon);
  if (process.geteuid?.() !== 0)
    return [note("user namespaces were not tried, as only root may", "", "sudo berth doctor users")];
  await disksAnswer();
  return [await asTheHostSays(existing(config.root))];
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
  const ids = { hostId: 1_000_000_000, length: 65_536 };
  try {
    using holder = new NamespaceHolder([], { uids: ids, gids: ids });
    await probeIdmap(directory, `/proc/${holder.pid}/ns/user`);
    return ok(`user namespaces can be made, and the file system of ${directory} can show their ids`);
  } catch (error) {
    return note(`user namespaces can't be used: ${describeFault(error)}`, why, remedy);
  }
}

function existing(directory: string): string {
  return existsSync(directory) ? directory : existing(dirname(directory));
}

import { access } from "node:fs/promises";
import { readLabel } from "./kernel.ts";

/** The profile that berth makes itself. */
export const ownProfile = "berth-default";

/** What of this node the profile depends on. */
export interface ProfileSurroundings {
  /** Whether AppArmor 3 or later is installed: earlier ones know no `abi`. */
  readonly hasAbi: boolean;
  /** What confines the daemon, whose monitors and runtimes send signals; undefined: nothing. */
  readonly daemonLabel: string | undefined;
}

/** @param daemon its pid; "self" in the daemon */
export async function profileSurroundings(daemon: number | "self"): Promise<ProfileSurroundings> {
  const hasAbi = await access("/etc/apparmor.d/abi/3.0").then(
    () => true,
    () => false,
  );
  const label = (await readLabel(daemon))?.replace(/ \([a-z]+\)$/, "");
  return { hasAbi, daemonLabel: label === "unconfined" ? undefined : label };
}

/**
 * berth's profile, as apparmor_parser reads it (apparmor.d(5)): all that capabilities, namespaces and seccomp leave is
 * allowed, but for what the kernel keeps for the whole machine. It holds where nothing else does: for a container with
 * added capabilities, or one whose /proc isn't masked. It includes nothing of the node's own policy, which would make its
 * loading several times slower, and containers depend on it.
 */
export function profileText({ hasAbi, daemonLabel }: ProfileSurroundings): string {
  const senders = ["unconfined", "{,/usr/bin/,/usr/sbin/}{conmon,crun,runc}"];
  if (daemonLabel !== undefined) senders.push(literally(daemonLabel));
  return `# For containers that ask for no other profile. Made and loaded by berth: changes are lost at its next start.
${hasAbi ? "# Kernels and parsers of later versions mediate more, of which the rules below don't speak.\nabi <abi/3.0>,\n" : ""}\
@{PROC}=/proc/

profile ${ownProfile} flags=(attach_disconnected, mediate_deleted) {
  capability,
  file,
  network,
  unix,
  umount,

  # Containers are ended by the node's programs; they signal and trace themselves, and nobody else.
${senders.map((peer) => `  signal (receive) peer="${peer}",\n`).join("")}\
  signal (send, receive) peer=${ownProfile},
  signal (send, receive) set=(exists),
  ptrace (read, trace) peer=${ownProfile},
  ptrace (readby, tracedby),

  deny mount,

  # Of /proc, processes may change what is theirs, and the sizes of their shared memory.
  deny @{PROC}/* w,
  deny @{PROC}/{[^0-9s/],s[^y/],sy[^s/],sys[^/]}** w,
  deny @{PROC}/sys/[^k]** w,
  deny @{PROC}/sys/k[^e]** w,
  deny @{PROC}/sys/kernel/{[^s],s[^h],sh[^m]}** w,
  deny @{PROC}/{kcore,sysrq-trigger} rwklx,

  # Of /sys, their cgroups.
  deny /sys/{[^f/],f[^s/],fs[^/]}** wklx,
  deny /sys/fs/{[^c/],c[^g/],cg[^r/]}** wklx,
  deny /sys/firmware/** rwklx,
  deny /sys/devices/virtual/powercap/** rwklx,
  deny /sys/kernel/security/** rwklx,
}
`;
}

/** A label as a pattern that matches it alone. */
function literally(label: string): string {
  return label.replaceAll(/[\\"*?[\]{}^@]/g, "\\$&");
}

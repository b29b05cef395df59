import { join, posix } from "node:path";
import type { Cgroups } from "../linux/contract.ts";

/**
 * The command line that enters the cgroup and becomes `command` there, so that all it starts is in that cgroup, too.
 *
 * The process moves itself: in version 1 that takes no lock and no RCU grace period (ten hierarchies in 1 ms), while
 * moving another process takes both in each of them (14 ms).
 */
export function within(
  cgroup: string | undefined,
  command: readonly string[],
  cgroups: Cgroups,
): readonly string[] {
  if (cgroup === undefined) return command;
  const scope = scopeOf(cgroup);
  if (cgroups.version === 2 && scope !== undefined) {
    const directory = (path: string) => join(cgroups.directories(path).get("unified") ?? "", "");
    const names = [posix.basename(scope), posix.basename(posix.dirname(scope))];
    return [
      "/bin/sh",
      "-c",
      enterScopeThenBecome,
      "sh",
      directory(cgroup),
      directory(scope),
      ...names,
      ...command,
    ];
  }
  const directories = cgroups.directories(cgroup);
  const files = [...new Set(directories.values())].map((directory) =>
    join(directory, directory === directories.get("unified") ? "cgroup.procs" : "tasks"),
  );
  return ["/bin/sh", "-c", enterThenBecome, "sh", String(files.length), ...files, ...command];
}

/** The scope of systemd's that a group is, or lies in. */
function scopeOf(cgroup: string): string | undefined {
  return /^.*?\.scope(?=\/|$)/.exec(cgroup)?.[0];
}

/** The number of files comes first, then they, then the command. */
const enterThenBecome = `left=$1; shift
while [ "$left" -gt 0 ]; do echo 0 >"$1" || exit; shift; left=$((left - 1)); done
exec "$@"`;

/**
 * The group's directory comes first, then its scope's, the names of scope and slice, the command. A scope is there as long
 * as some process is in it: where it is not, systemd is asked for it, with this process as its first. Its directory is
 * there before systemd moves the process into it, which then has to be waited for: it would be moved out of its group
 * again. Another monitor may have asked just now, or the scope be about to end: then it is tried again for 5 s or more.
 */
const enterScopeThenBecome = `group=$1 scope=$2 unit=$3 slice=$4; shift 4
manager="org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager"
enter() {
  [ "$group" = "$scope" ] || mkdir "$group"
  echo 0 >"$group/cgroup.procs"
} 2>/dev/null
begin() {
  busctl --quiet call $manager StartTransientUnit 'ssa(sv)a(sa(sv))' "$unit" fail 7 PIDs au 1 $$ Slice s "$slice" \\
    Delegate b true CollectMode s inactive-or-failed TasksMax t 18446744073709551615 DefaultDependencies b false \\
    Description s "Monitors of containers" 0 2>&1
}
began() { grep -q "/$unit$" /proc/$$/cgroup; }
pause() {
  [ $tries -lt 500 ] || { echo "systemd gives no $unit: $said" >&2; exit 1; }
  tries=$((tries + 1)); sleep 0.01
}
tries=0
until enter; do
  if [ $((tries % 100)) -eq 0 ] && said=$(begin); then until began; do pause; done; else pause; fi
done
exec "$@"`;

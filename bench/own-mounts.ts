/**
 * Starts this program anew, as the same process, in a mount namespace of its own without the hybrid cgroup2 mount, in which
 * crun works. Returns within that namespace.
 */
export function enterOwnMounts(): void {
  if (process.env.BERTH_BENCH_MOUNTS !== undefined) return;
  if (process.execve === undefined) throw new Error("this Node can't replace itself");
  const script = 'u=/sys/fs/cgroup/unified; umount $u 2>/dev/null && mount -t tmpfs tmpfs $u; exec "$0" "$@"';
  const node = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const unshare = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, ...node];
  process.execve("/usr/bin/unshare", unshare, { ...process.env, BERTH_BENCH_MOUNTS: "own" });
}

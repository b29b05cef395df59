import { spawnSync } from "node:child_process";

/**
 * Starts this program anew in a mount namespace of its own without the hybrid cgroup2 mount, in which crun works, and
 * ends with its exit code. Returns within that namespace.
 */
export function enterOwnMounts(): void {
  if (process.env.BERTH_BENCH_MOUNTS !== undefined) return;
  const script = 'u=/sys/fs/cgroup/unified; umount $u 2>/dev/null && mount -t tmpfs tmpfs $u; exec "$0" "$@"';
  const command = ["sh", "-c", script, process.execPath, ...process.argv.slice(1)];
  const { status } = spawnSync("unshare", ["--mount", "--propagation", "private", ...command], {
    stdio: "inherit",
    env: { ...process.env, BERTH_BENCH_MOUNTS: "own" },
  });
  process.exit(status ?? 1);
}

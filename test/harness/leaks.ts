import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { DaemonCalls, TestDaemon } from "./daemon.ts";
import { patience } from "./patience.ts";

/** What is needed of a daemon to look for what it leaves on the host. */
export type LeakingDaemon = DaemonCalls & Pick<TestDaemon, "command" | "inside" | "logTail">;

/**
 * Fails unless nothing is left of any pod: what `doctor --leaks` says, and what this file finds without any of
 * berth's code. Call it when every pod is removed.
 */
export async function assertNoLeaks(daemon: LeakingDaemon): Promise<void> {
  const doctor = await daemon.command("doctor", "--leaks");
  assert.equal(doctor.code, 0, `doctor --leaks: ${doctor.stdout}${doctor.stderr}`);
  assert.deepEqual(await foundOnHost(daemon), [], `left on the host; the daemon's log: ${daemon.logTail()}`);
}

/**
 * Fails unless the host holds of pods and images what it held `before`, as `tracesOf` found it, and `doctor --leaks` finds
 * nothing. What is under way in the background (a recovery, removals) may take a moment.
 */
export async function assertOnly(before: readonly string[], daemon: LeakingDaemon): Promise<void> {
  for (let tries = 0; ; tries++) {
    const now = await tracesOf(daemon);
    if (tries < 100 * patience && now.join("\n") !== before.join("\n")) {
      await sleep(50);
      continue;
    }
    assert.deepEqual(now, before, `the daemon's log: ${daemon.logTail()}`);
    break;
  }
  const doctor = await daemon.command("doctor", "--leaks");
  assert.equal(doctor.code, 0, `doctor --leaks: ${doctor.stdout}${doctor.stderr}`);
}

/** All that pods and images have on the host, found without any of berth's code. */
export async function tracesOf(daemon: LeakingDaemon): Promise<string[]> {
  const { root } = daemon.workspace;
  const stored = namesIn(join(root, "snapshots")).flatMap((driver) =>
    ["c", "i", "l", "t"].flatMap((kind) =>
      namesIn(join(root, "snapshots", driver, kind)).map((name) => `snapshot ${kind}/${name}`),
    ),
  );
  const blobs = ["blobs/sha256", "files", "ingest", "partial"].flatMap((kind) =>
    namesIn(join(root, "content", kind)).map((name) => `content ${kind}/${name}`),
  );
  return [...(await foundOnHost(daemon)), ...stored, ...blobs].sort();
}

/** Everything on the host that only a pod can have left there. */
async function foundOnHost(daemon: LeakingDaemon): Promise<string[]> {
  const { workspace } = daemon;
  const mounts = (await daemon.inside("cat", "/proc/self/mountinfo")).stdout
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter(
      (target) =>
        /\/(pods|containers|snapshots|netns)\//.test(target) && target.startsWith(workspace.directory),
    );
  const { stdout: groups } = await daemon.inside(
    "sh",
    "-c",
    // Not in crun's namespace's tmpfs, which is no hierarchy.
    `find /sys/fs/cgroup -path '*${workspace.cgroupParent}/*' -type d ! -fstype tmpfs`,
  );
  const leases = namesIn(join(workspace.leases, workspace.networkName)).filter((name) => /^\d/.test(name));
  const { stdout: veths } = await daemon.inside(
    "sh",
    "-c",
    `ip -o link show master ${workspace.bridge} 2>/dev/null`,
  );
  const { stdout: rules } = await daemon.inside("sh", "-c", "iptables-save -t nat 2>/dev/null");
  return [
    ...mounts.map((target) => `mount ${target}`),
    ...lines(groups)
      // systemd ends it in its own time once the last monitor has ended
      .filter((path) => !path.endsWith("-monitors.scope"))
      .map((path) => `cgroup ${path}`),
    ...(await unitsOf(daemon)),
    ...processesOf(daemon),
    ...leases.map((address) => `lease of ${address}`),
    ...lines(veths).map((link) => `interface ${link}`),
    ...lines(rules).filter((rule) => rule.includes(`"${workspace.networkName}"`)),
    ...["pods", "containers", "exits", "shims"].flatMap((name) =>
      namesIn(join(workspace.state, name)).map((found) => `${name}/${found}`),
    ),
  ];
}

/** systemd's slices and scopes of pods. */
async function unitsOf(daemon: LeakingDaemon): Promise<string[]> {
  const { cgroupDriver, cgroupParent } = daemon.workspace;
  if (cgroupDriver !== "systemd") return [];
  const pattern = `${basename(cgroupParent, ".slice")}-*.slice`;
  const list = ["list-units", "--all", "--plain", "--no-legend", pattern];
  return lines((await daemon.inside("systemctl", ...list)).stdout).map((unit) => `unit ${unit}`);
}

function processesOf(daemon: LeakingDaemon): string[] {
  const marked = `${daemon.workspace.state}/`;
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        const isShim = words.includes("-publish-binary") || /^\S*containerd-shim-/.test(words[0] ?? "");
        const isMarked = words.some((word) => word.startsWith(marked));
        return isMarked || (isShim && words.includes(daemon.workspace.socket))
          ? [`process ${pid}: ${words.join(" ")}`]
          : [];
      } catch {
        return []; // it has ended
      }
    });
}

function namesIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

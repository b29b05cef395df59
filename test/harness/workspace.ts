import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { claim } from "../../src/linux/testing/own-port.ts";
import { patience } from "./patience.ts";

export type CgroupDriver = "cgroupfs" | "systemd";

/** What sets one test file's berth apart from every other on the host: directories, cgroup, bridge, subnet. */
export interface Workspace {
  readonly directory: string;
  readonly root: string;
  readonly state: string;
  readonly socket: string;
  readonly cgroupDriver: CgroupDriver;
  /** Its pods' parent, as a path from the root of the hierarchies. */
  readonly cgroupParent: string;
  readonly bridge: string;
  readonly networkName: string;
  /** As in `10.123.45`. */
  readonly subnet: string;
  /** Where host-local keeps its leases. */
  readonly leases: string;
  readonly confDir: string;
  readonly certsDir: string;
  readonly configFile: string;
  readonly logs: string;
  readonly nri: { readonly socket: string; readonly plugins: string; readonly configs: string };
}

/** What a test wants different in the daemon's configuration: TOML, appended. */
export interface WorkspaceOptions {
  /** The default handler: crun, runc, or one of `extraConfig`. */
  readonly runtime: string;
  /** If unset, what BERTH_TEST_CGROUP_DRIVER says, or cgroupfs. */
  readonly cgroupDriver?: CgroupDriver;
  readonly extraConfig?: string;
  /** Another place than below the workspace's directory for what the daemon keeps, such as a file system of its own. */
  readonly root?: string;
}

/** Makes the directories and the configuration. Short names: a socket's path is limited to 107 bytes. */
export function makeWorkspace({
  runtime,
  cgroupDriver = process.env.BERTH_TEST_CGROUP_DRIVER === "systemd" ? "systemd" : "cgroupfs",
  extraConfig = "",
  root,
}: WorkspaceOptions): Workspace {
  const directory = mkdtempSync("/tmp/berth-");
  chmodSync(directory, 0o711); // as below /run: pods' own users pass through
  const tag = randomBytes(3).toString("hex");
  const workspace: Workspace = {
    directory,
    root: root ?? join(directory, "root"),
    state: join(directory, "state"),
    socket: join(directory, "berth.sock"),
    cgroupDriver,
    cgroupParent: cgroupDriver === "systemd" ? `/berth_test_${tag}.slice` : `/berth-test-${tag}`,
    bridge: `bt-${tag}`,
    networkName: `berth-test-${tag}`,
    subnet: ownSubnet(),
    leases: join(directory, "leases"),
    confDir: join(directory, "net.d"),
    certsDir: join(directory, "certs.d"),
    configFile: join(directory, "config.toml"),
    logs: join(directory, "logs"),
    nri: {
      socket: join(directory, "nri.sock"),
      plugins: join(directory, "nri-plugins"),
      configs: join(directory, "nri-configs"),
    },
  };
  for (const path of [workspace.confDir, workspace.certsDir, workspace.logs]) mkdirSync(path);
  writeFileSync(join(workspace.confDir, "10-test.conflist"), JSON.stringify(conflist(workspace)));
  writeFileSync(workspace.configFile, configOf(workspace, runtime, extraConfig));
  return workspace;
}

/** Nobody else's who tests on this machine, until this process ends. */
function ownSubnet(): string {
  for (;;) {
    const [one = 0, other = 0] = randomBytes(2);
    const subnet = `10.${100 + (one % 100)}.${other}`;
    if (claim(`subnet ${subnet}`)) return subnet;
  }
}

function conflist({ bridge, networkName, subnet, leases }: Workspace) {
  return {
    cniVersion: "1.0.0",
    name: networkName,
    plugins: [
      {
        type: "bridge",
        bridge,
        isGateway: true,
        ipMasq: true,
        hairpinMode: true,
        ipam: {
          type: "host-local",
          dataDir: leases,
          ranges: [[{ subnet: `${subnet}.0/24` }]],
          routes: [{ dst: "0.0.0.0/0" }],
        },
      },
      { type: "portmap", capabilities: { portMappings: true }, snat: true },
    ],
  };
}

function configOf(workspace: Workspace, runtime: string, extra: string): string {
  return `root = "${workspace.root}"
state = "${workspace.state}"

[log]
level = "debug"

[grpc]
socket = "${workspace.socket}"
group = ""

[cgroup]
driver = "${workspace.cgroupDriver}"
parent = "${workspace.cgroupDriver === "systemd" ? basename(workspace.cgroupParent) : workspace.cgroupParent}"

[runtime]
default = "${runtime}"

[network]
confDir = "${workspace.confDir}"
addDeadline = "${30 * patience}s"
delDeadline = "${10 * patience}s"

[nri]
socketPath = "${workspace.nri.socket}"
pluginPath = "${workspace.nri.plugins}"
pluginConfigPath = "${workspace.nri.configs}"
registrationTimeout = "${30 * patience}s"
requestTimeout = "${5 * patience}s"

[registry]
configPath = "${workspace.certsDir}"
${extra}`;
}

/**
 * A shell script that ends and takes away what runs or is mounted of a workspace, whatever state its user left it in. It
 * has to run where the mounts are.
 */
export function sweepScript({ cgroupDriver, cgroupParent, directory, networkName }: Workspace): string {
  const stop = cgroupDriver === "systemd" ? `systemctl stop ${basename(cgroupParent)}` : ":";
  return `
    rules=$(iptables-save -t nat | grep -F '"${networkName}\\"')
    echo "$rules" | sed -n 's/^-A/-D/p' | while read -r rule; do eval "iptables -w -t nat $rule"; done
    echo "$rules" | grep -o 'CNI-[0-9a-f]*' | sort -u | xargs -r -n1 iptables -w -t nat -X
    for procs in $(find /sys/fs/cgroup/*${cgroupParent} /sys/fs/cgroup${cgroupParent} -name cgroup.procs 2>/dev/null)
    do for pid in $(cat $procs 2>/dev/null); do kill -9 $pid 2>/dev/null; done; done
    ${stop}
    for try in 1 2 3 4 5 6 7 8 9 10
    do
      awk '$5 ~ "^${directory}/" { print $5 }' /proc/self/mountinfo | sort -r | xargs -r -n1 umount -l 2>/dev/null
      find /sys/fs/cgroup/*${cgroupParent} /sys/fs/cgroup${cgroupParent} -depth -type d -delete 2>/dev/null
      ls -d /sys/fs/cgroup/*${cgroupParent} /sys/fs/cgroup${cgroupParent} >/dev/null 2>&1 || exit 0
      sleep 0.05
    done`;
}

/** Takes away what the kernel still holds of a workspace, whatever state the tests left it in, and its files. */
export function removeWorkspace(workspace: Workspace): void {
  // Not there when no pod was ever attached.
  quietly("ip", ["link", "delete", workspace.bridge]);
  quietly("sh", ["-c", `find /sys/fs/cgroup/unified${workspace.cgroupParent} -depth -type d -delete`]);
  rmSync(workspace.directory, { recursive: true, force: true });
}

/** Runs a program for what it does, whether or not it succeeds. */
export function quietly(program: string, args: readonly string[]): void {
  try {
    execFileSync(program, args, { stdio: "ignore" });
  } catch {
    // Its failure means that there was nothing to do.
  }
}

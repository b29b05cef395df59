import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What sets one test file's berth apart from every other on the host: directories, cgroup, bridge, subnet. */
export interface Workspace {
  readonly directory: string;
  readonly root: string;
  readonly state: string;
  readonly socket: string;
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
}

/** What a test wants different in the daemon's configuration: TOML, appended. */
export interface WorkspaceOptions {
  readonly runtime: "crun" | "runc";
  readonly extraConfig?: string;
}

/** Makes the directories and the configuration. Short names: a socket's path is limited to 107 bytes. */
export function makeWorkspace({ runtime, extraConfig = "" }: WorkspaceOptions): Workspace {
  const directory = mkdtempSync("/tmp/berth-");
  const unique = randomBytes(3);
  const tag = unique.toString("hex");
  const workspace: Workspace = {
    directory,
    root: join(directory, "root"),
    state: join(directory, "state"),
    socket: join(directory, "berth.sock"),
    cgroupParent: `/berth-test-${tag}`,
    bridge: `bt-${tag}`,
    networkName: `berth-test-${tag}`,
    subnet: `10.${100 + ((unique[0] ?? 0) % 100)}.${unique[1] ?? 0}`,
    leases: join(directory, "leases"),
    confDir: join(directory, "net.d"),
    certsDir: join(directory, "certs.d"),
    configFile: join(directory, "config.toml"),
    logs: join(directory, "logs"),
  };
  for (const path of [workspace.confDir, workspace.certsDir, workspace.logs]) mkdirSync(path);
  writeFileSync(join(workspace.confDir, "10-test.conflist"), JSON.stringify(conflist(workspace)));
  writeFileSync(workspace.configFile, configOf(workspace, runtime, extraConfig));
  return workspace;
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
parent = "${workspace.cgroupParent}"

[runtime]
default = "${runtime}"

[network]
confDir = "${workspace.confDir}"
addDeadline = "30s"
delDeadline = "10s"

[registry]
configPath = "${workspace.certsDir}"
${extra}`;
}

/** Takes away what the kernel still holds of a workspace, whatever state the tests left it in, and its files. */
export function removeWorkspace(workspace: Workspace): void {
  // Not there when no pod was ever attached.
  quietly("ip", ["link", "delete", workspace.bridge]);
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

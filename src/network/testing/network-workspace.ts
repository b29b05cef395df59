import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { newPodSandboxId, type PodSandboxId } from "../../base/ids.ts";
import type { Config } from "../../config/schema.ts";
import type { FileChange, Namespaces, Processes } from "../../linux/contract.ts";
import { makeChanges } from "../../linux/file-changes.ts";
import { hostMounts } from "../../linux/mounts.ts";
import { hostProcesses } from "../../linux/processes.ts";
import { openPodNetwork } from "../cni/open.ts";
import type { PodNetwork, PodNetworkConfig } from "../contract.ts";

/** A call that a scripted plugin got. */
export interface SeenCall {
  readonly plugin: string;
  readonly command: string;
  readonly container: string;
  readonly interface: string;
  readonly netns: string;
  readonly args: string;
  readonly config: Record<string, unknown>;
}

/** Notes the call, then does what `behave.<plugin>.<command>` says, or answers ADD with one address. */
const script = `#!/bin/sh
plugin=\${0##*/}
config=$(cat)
printf '{"plugin":"%s","command":"%s","container":"%s","interface":"%s","netns":"%s","args":"%s","config":%s}\\n' \\
  "$plugin" "$CNI_COMMAND" "$CNI_CONTAINERID" "$CNI_IFNAME" "$CNI_NETNS" "$CNI_ARGS" "$config" >>"$WORKSPACE/calls"
[ ! -e "$WORKSPACE/behave.$plugin.$CNI_COMMAND" ] || . "$WORKSPACE/behave.$plugin.$CNI_COMMAND"
[ "$CNI_COMMAND" != ADD ] || echo '{"cniVersion":"1.0.0","ips":[{"address":"10.9.8.7/24"}],"by":"'$plugin'"}'
`;

/** Directories of their own for one test's network, and plugins that are shell scripts. */
export class NetworkWorkspace implements AsyncDisposable {
  readonly directory: string;
  readonly #open: PodNetwork[] = [];
  readonly processes: Processes;
  readonly #namespaces: Pick<Namespaces, "addressesWithin">;

  private constructor(
    directory: string,
    processes: Processes,
    namespaces: Pick<Namespaces, "addressesWithin">,
  ) {
    this.directory = directory;
    this.processes = processes;
    this.#namespaces = namespaces;
  }

  static async make(
    processes: Processes = hostProcesses(),
    namespaces: Pick<Namespaces, "addressesWithin"> = { addressesWithin: async () => [] },
  ): Promise<NetworkWorkspace> {
    const directory = await mkdtemp(join(tmpdir(), "berth-network-"));
    const workspace = new NetworkWorkspace(directory, processes, namespaces);
    await mkdir(workspace.confDir);
    await mkdir(workspace.binDir);
    return workspace;
  }

  get confDir(): string {
    return join(this.directory, "net.d");
  }

  get binDir(): string {
    return join(this.directory, "bin");
  }

  get cni(): string {
    return join(this.directory, "cni");
  }

  get #keptNetns(): string {
    return join(this.directory, "netns");
  }

  /** The pods whose network namespaces are kept for their plugins. */
  async keptNetns(): Promise<string[]> {
    return existsSync(this.#keptNetns) ? await readdir(this.#keptNetns) : [];
  }

  /** The file that caches a pod's attachment. */
  cached(id: PodSandboxId): string {
    return join(this.cni, "attached", `${id}.json`);
  }

  async open(settings: Partial<Config["network"]> = {}): Promise<PodNetwork> {
    const whole = {
      confDir: this.confDir,
      binDirs: [this.binDir],
      maxConfs: 1,
      addDeadline: 30_000,
      delDeadline: 30_000,
      collectGarbage: false,
      ...settings,
    };
    const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", WORKSPACE: this.directory };
    const log = pino({ level: "silent" });
    const paths = { cni: this.cni, keptNetns: this.#keptNetns };
    const files = { change: async (changes: readonly FileChange[]) => makeChanges(changes) };
    const namespaces = this.#namespaces;
    const parts = { processes: this.processes, files, mounts: hostMounts(), namespaces, env, log };
    const network = await openPodNetwork(whole, paths, parts);
    this.#open.push(network);
    return network;
  }

  async plugin(name: string): Promise<void> {
    const file = join(this.binDir, name);
    await writeFile(file, script);
    await chmod(file, 0o755);
  }

  /** `commands` is shell that the scripted plugin runs for this command; undefined: its default again. */
  async behave(plugin: string, command: string, commands: string | undefined): Promise<void> {
    const file = join(this.directory, `behave.${plugin}.${command}`);
    if (commands === undefined) await rm(file, { force: true });
    else await writeFile(file, commands);
  }

  async configure(name: string, content: unknown): Promise<void> {
    await writeFile(
      join(this.confDir, name),
      typeof content === "string" ? content : JSON.stringify(content),
    );
  }

  async calls(): Promise<SeenCall[]> {
    const file = join(this.directory, "calls");
    if (!existsSync(file)) return [];
    const lines = (await readFile(file, "utf8")).trim().split("\n");
    return lines.map((line) => JSON.parse(line) as SeenCall);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#open.map((network) => network.close()));
    await rm(this.directory, { recursive: true });
  }
}

/** A pod to attach; its namespace is only a name, as scripted plugins do not enter it. */
export function podToAttach(changes: Partial<PodNetworkConfig> = {}): PodNetworkConfig {
  return {
    id: newPodSandboxId(),
    metadata: { name: "web", uid: "uid-1", namespace: "default", attempt: 0 },
    netns: "/run/never/net",
    portMappings: [],
    annotations: {},
    cgroupPath: "/berth/pod1",
    ...changes,
  };
}

/** A signal for calls that end in time. */
export function unhurried(): AbortSignal {
  return AbortSignal.timeout(30_000);
}

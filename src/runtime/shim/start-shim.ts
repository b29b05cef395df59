import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "../../base/fault.ts";
import { waitOutside } from "../../base/outside-time.ts";
import type { Bytes, Ms } from "../../base/units.ts";
import type { Paths } from "../../config/paths.ts";
import { wordsOf } from "../conmon/runtime-words.ts";
import type { ProcessIdentity } from "../contract.ts";
import { within } from "../enter-cgroup.ts";
import type { RuntimeHost } from "../host.ts";
import { identityOf } from "../identity-of.ts";
import { parseBootstrap } from "./bootstrap.ts";
import { type ShimHandler, shimNamespace } from "./handler.ts";
import { publishProgram } from "./publish-program.ts";
import { connectShim, type Shim, writeShimRecord } from "./shim.ts";
import { shimProcesses } from "./shim-processes.ts";
import type { StartInputs } from "./start-input.ts";

const maxOutput: Bytes = 64 << 10;
/** How long a shim that has started may take to say who it is. */
const connectDeadline: Ms = 20_000;

/** Which shim is started, for whom, and where. */
export interface ShimStart {
  readonly group: string;
  readonly handler: ShimHandler;
  /** Undefined: this process's. */
  readonly cgroup: string | undefined;
  /** Where its sandbox is to be, as `cgroupsPath` of an OCI config. Undefined: it has none, or none yet. */
  readonly sandboxCgroup: string | undefined;
}

/**
 * Starts a shim: `start` makes a process that goes on, and prints how it is reached. Its directory has a config that says whom it
 * is for, as that of containerd's sandbox containers does.
 *
 * @throws {Fault} internal with what the shim said
 */
export async function startShim(
  { group, handler, cgroup, sandboxCgroup }: ShimStart,
  { host, paths, inputs }: { host: RuntimeHost; paths: Paths; inputs: StartInputs },
  signal: AbortSignal,
): Promise<Shim> {
  const { directory } = paths.shim(group);
  const config = JSON.stringify(shimConfig(group, sandboxCgroup));
  writeFileSync(join(directory, "config.json"), config, { mode: 0o600 });
  if (handler.cgroup !== undefined) await host.cgroups.create(handler.cgroup);
  const env = { ...shimEnvironment(paths), ...handler.env };
  const stdin = await inputs.of({ group, handler, env }, paths, signal);
  const args = [...shimArgs(group, paths), "start"];
  const [path = "", ...rest] = within(handler.cgroup ?? cgroup, [handler.program, ...args], host.cgroups);
  const started = await waitOutside(
    host.processes.run(
      {
        path,
        args: rest,
        env,
        cwd: directory,
        stdin,
        maxOutput,
      },
      signal,
    ),
  );
  if (started.code !== 0) {
    const said = Buffer.concat([started.stdout, Buffer.from("\n"), started.stderr]);
    const words = wordsOf(said.toString("utf8"));
    throw new Fault("internal", `${handler.program} start: ${words || `exit code ${started.code}`}`);
  }
  const address = parseBootstrap(started.stdout);
  const connected = await connectShim(address, signal);
  const process = await processOf(group, connected, paths, signal);
  const record = { ...address, group, handler: handler.name, startedWith: handler, process };
  writeShimRecord(record, paths);
  return { ...record, ...connected };
}

/** Kata's shim in Rust does not tell before it has a container or a sandbox: its process is found by its command line then. */
async function processOf(
  group: string,
  { calls }: Pick<Shim, "calls">,
  paths: Paths,
  signal: AbortSignal,
): Promise<ProcessIdentity> {
  try {
    const { shimPid } = await calls.connect({ id: group }, { timeout: connectDeadline, signal });
    return identityOf(shimPid, "the shim");
  } catch (error) {
    const [found, ...others] = await shimProcesses(group, paths);
    if (found === undefined || others.length > 0) throw error;
    return identityOf(found.pid, "the shim");
  }
}

/** What every call of a shim's program begins with; its processes are found by it. */
export function shimArgs(id: string, { socket }: Paths): string[] {
  const common = ["-namespace", shimNamespace, "-address", socket];
  return [...common, "-publish-binary", publishProgram(), "-id", id];
}

export function shimEnvironment({ socket, shimEvents }: Paths): Record<string, string> {
  return {
    NAMESPACE: shimNamespace,
    GRPC_ADDRESS: socket,
    TTRPC_ADDRESS: shimEvents,
    MAX_SHIM_VERSION: "3",
    // Kata's in Rust puts a stack into each error, and keeps the symbols that it takes (docs/decisions/0454)
    RUST_LIB_BACKTRACE: "0",
  };
}

/**
 * Kata's shim reads it whole at its start, and refuses one without a process or capabilities. Where it has no cgroup, the one in Rust
 * takes the root of all for its sandbox's, and empties and removes that at the sandbox's end.
 */
function shimConfig(group: string, cgroupsPath: string | undefined) {
  return {
    ociVersion: "1.0.2",
    process: { user: { uid: 0, gid: 0 }, args: ["none"], cwd: "/", capabilities: {} },
    root: { path: "rootfs" },
    linux: { cgroupsPath },
    annotations: {
      "io.kubernetes.cri.container-type": "sandbox",
      "io.kubernetes.cri.sandbox-id": group,
    },
  };
}

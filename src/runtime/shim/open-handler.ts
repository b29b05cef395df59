import type { Ms } from "../../base/units.ts";
import type { Paths } from "../../config/paths.ts";
import type { Config, RuntimeHandlerConfig } from "../../config/schema.ts";
import { handlerProgram, isRuncShim } from "../../config/shim-program.ts";
import { programPath } from "../../linux/program-path.ts";
import type { Handler } from "../conmon/handlers.ts";
import { openHandler } from "../conmon/open-handler.ts";
import type { TrialPlace } from "../conmon/trial.ts";
import type { HandlerProbe } from "../contract.ts";
import type { RuntimeHost } from "../host.ts";
import { sandboxerOf } from "../sandboxer.ts";
import type { ShimHandler } from "./handler.ts";
import { nodeNetworkProblem, sandboxerProblem } from "./kata-in-rust.ts";
import { isToldOfNobody } from "./told-of-nobody.ts";

/** How long a shim may take to say its version. */
const versionDeadline: Ms = 20_000;

export interface OpenedShimHandler {
  readonly shim: ShimHandler;
  /** Of a shim with a runtime below: what came of trying that out. */
  readonly probe: HandlerProbe;
  /** Why the shim can't work, whatever the runtime below it can. */
  readonly missing: string | undefined;
}

/** What a shim can do that has a runtime below it. */
export function probeOfShim(
  { program }: ShimHandler,
  below: HandlerProbe,
  missing: string | undefined,
): HandlerProbe {
  return { ...below, path: program, problem: missing ?? below.problem };
}

/**
 * A configured shim, and what can be found out about it without starting it. The runtime that runc's shim works with is tried
 * out as any other.
 */
export async function openShimHandler(
  name: string,
  config: Pick<Config, "runtime" | "cgroup">,
  { place, paths }: { place: TrialPlace; paths: Paths },
): Promise<OpenedShimHandler> {
  const configured = config.runtime.handlers[name] as RuntimeHandlerConfig;
  const { type } = configured;
  const { path } = config.runtime;
  const wanted = handlerProgram(configured);
  const program = await programPath(wanted, path);
  const below = isRuncShim(type) ? await openRuntime(name, config, { place, paths }) : undefined;
  const options: RuntimeHandlerConfig["options"] = { ...configured.options, ...below?.options };
  const isSilent = await isToldOfNobody(type, program ?? wanted);
  const shim: ShimHandler = {
    name,
    type,
    program: program ?? wanted,
    options,
    cgroup: isRuncShim(type) && options.ShimCgroup ? String(options.ShimCgroup) : undefined,
    env: { PATH: path, ...(isSilent ? { TTRPC_ADDRESS: "" } : {}) },
    runtime: below?.handler,
  };
  const sandboxer = sandboxerOf(configured, !isRuncShim(type));
  const said = below?.probe ?? (await shimProbe(shim, place));
  const missing =
    program === undefined
      ? `there is no ${wanted} in ${path} (install the shim of ${type}, set runtimePath, or take it out of the config)`
      : sandboxerProblem(said.version, sandboxer);
  const found = below === undefined ? { ...said, problem: missing } : said;
  const probe = sandboxer === undefined ? found : { ...found, sandboxer };
  return { shim, probe, missing };
}

/** The runtime below runc's shim, with the options that tell the shim so. */
async function openRuntime(
  name: string,
  config: Pick<Config, "runtime" | "cgroup">,
  { place, paths }: { place: TrialPlace; paths: Paths },
): Promise<{ handler: Handler; probe: HandlerProbe; options: RuntimeHandlerConfig["options"] }> {
  const configured = config.runtime.handlers[name] as RuntimeHandlerConfig;
  const { BinaryName = "runc", Root = paths.runtimeRoot(name) } = configured.options;
  const [binary, root] = [String(BinaryName), String(Root)];
  const handlers = { [name]: { ...configured, binary, args: [], options: {} } };
  const opened = await openHandler(
    { name, root },
    { ...config, runtime: { ...config.runtime, handlers } },
    place,
  );
  const options = {
    BinaryName: opened.handler.path,
    Root: root,
    SystemdCgroup: config.cgroup.driver === "systemd",
  };
  return { ...opened, options };
}

async function shimProbe(shim: ShimHandler, { host }: TrialPlace): Promise<HandlerProbe> {
  // Kata's in Rust knows the long one alone
  const version = (await saidTo("-v", shim, host)) || (await saidTo("--version", shim, host));
  const networkProblem = nodeNetworkProblem(version);
  return {
    handler: shim.name,
    path: shim.program,
    version,
    problem: undefined,
    ...(networkProblem === undefined ? {} : { nodeNetworkProblem: networkProblem }),
    recursiveReadOnlyProblem: "it is not known whether this shim can",
    features: { recursiveReadOnly: false, networkDevices: false },
  };
}

/** Empty when it says nothing, or can't be asked. */
async function saidTo(flag: string, { program, env }: ShimHandler, host: RuntimeHost): Promise<string> {
  const command = { path: program, args: [flag], env, maxOutput: 4096 };
  try {
    const { stdout } = await host.processes.run(command, AbortSignal.timeout(versionDeadline));
    return Buffer.from(stdout).toString("utf8").trim().replaceAll(/\s+/g, " ").slice(0, 100);
  } catch {
    return "";
  }
}

import { describeFault } from "../../base/fault.ts";
import type { Config } from "../../config/schema.ts";
import { programPath } from "../../linux/program-path.ts";
import type { HandlerProbe } from "../contract.ts";
import type { Handler } from "./handlers.ts";
import { probeHandler, versionOf } from "./probe.ts";
import { sweepTrials, type TrialPlace } from "./trial.ts";

/** A configured handler, tried out on this host. Where its program is missing, that is its problem. */
export async function openHandler(
  { name, root }: { name: string; root: string },
  config: Pick<Config, "runtime" | "cgroup">,
  place: TrialPlace,
): Promise<{ handler: Handler; probe: HandlerProbe }> {
  const configured = config.runtime.handlers[name] ?? { binary: name, args: [] };
  const { binary } = configured;
  const { host } = place;
  // crun copies itself to a file there for a moment; killed in that, it would leave it in /tmp
  const env = { PATH: config.runtime.path, _LIBCONTAINER_STATEDIR: place.scratch };
  const path = await programPath(binary, config.runtime.path);
  const version = path === undefined ? "" : await versionOf({ path, env }, host);
  const handler: Handler = {
    name,
    binary,
    path: path ?? binary,
    args: [
      `--root=${root}`,
      ...(config.cgroup.driver === "systemd" ? ["--systemd-cgroup"] : []),
      ...configured.args,
    ],
    root,
    env,
    kind: (/^(crun|runc) version/.exec(version)?.[1] as "crun" | "runc" | undefined) ?? "other",
  };
  if (path !== undefined) {
    await sweepTrials(handler, place).catch((error: unknown) => {
      host.log.warn(
        { handler: name, err: describeFault(error) },
        "an earlier probe's rest could not be removed",
      );
    });
    return { handler, probe: await probeHandler(handler, version, place) };
  }
  const features = { recursiveReadOnly: false, networkDevices: false };
  const problem = `there is no ${binary} in ${config.runtime.path} (install it, or take it out of the config)`;
  return {
    handler,
    probe: { handler: name, path: binary, version, problem, features },
  };
}

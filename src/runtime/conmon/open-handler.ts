import { describeFault } from "../../base/fault.ts";
import { handlerSettings } from "../../config/handler-settings.ts";
import type { Config } from "../../config/schema.ts";
import { programPath } from "../../linux/program-path.ts";
import type { HandlerProbe } from "../contract.ts";
import { sandboxerOf } from "../sandboxer.ts";
import type { Handler } from "./handlers.ts";
import { probeHandler, versionOf } from "./probe.ts";
import { sweepTrials, type TrialPlace } from "./trial.ts";

/** A configured handler, tried out on this host. Where its program is missing, that is its problem. */
export async function openHandler(
  { name, root }: { name: string; root: string },
  config: Pick<Config, "runtime" | "cgroup">,
  place: TrialPlace,
): Promise<{ handler: Handler; probe: HandlerProbe }> {
  const configured = handlerSettings(config.runtime.handlers, name);
  const { binary } = configured;
  const { host } = place;
  // crun copies itself to a file there for a moment; killed in that, it would leave it in /tmp
  const env = { PATH: config.runtime.path, _LIBCONTAINER_STATEDIR: place.scratch };
  const path = await programPath(binary, config.runtime.path);
  const version = path === undefined ? "" : await versionOf({ path, env }, host);
  const kind = kindOf(version);
  const handler: Handler = {
    name,
    binary,
    path: path ?? binary,
    args: [
      `--root=${root}`,
      ...(config.cgroup.driver === "systemd" ? ["--systemd-cgroup"] : []),
      ...configured.args,
      ...Object.entries(configured.options).map(([flag, value]) => `--${flag}=${value}`),
    ],
    root,
    env,
    kind,
    sandboxer: sandboxerOf(configured, kind === "runsc"),
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

/** What a program is by the first line of its `--version`. */
function kindOf(version: string): Handler["kind"] {
  const name = /^(crun|runc|runsc) version/.exec(version)?.[1];
  return (name as Exclude<Handler["kind"], "other"> | undefined) ?? "other";
}

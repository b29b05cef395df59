import { Fault } from "../base/fault.ts";
import type { Ms } from "../base/units.ts";
import type { Finished, Processes } from "./contract.ts";

/** systemd's units, as far as they hold cgroups: slices, scopes. */
export interface SystemdUnits {
  /** Starts a slice with those above it; none of them needs a unit file. Succeeds when it is there. */
  start(slice: string): Promise<void>;
  /** Stops a slice or scope with all in it, which is killed in the end. Succeeds when it is not there. */
  stop(unit: string): Promise<void>;
  /** For as long as the unit lives. */
  liftCpuQuota(unit: string): Promise<void>;
}

/** systemd itself gives up on a scope's processes after 90 s. */
const deadline: Ms = 100_000;
/** Of `systemctl stop`: no such unit is loaded (systemctl(1), exit status). */
const notLoaded = 5;

/** By systemctl, which waits until it is done; 10 ms a call. @param path where it is looked for */
export function systemdUnits(processes: Processes, path: string): SystemdUnits {
  const change = async (args: readonly string[], isMissingFine = false): Promise<void> => {
    const { code, stderr } = await systemctl(args, processes, path);
    if (code === 0 || (isMissingFine && code === notLoaded)) return;
    const said = Buffer.from(stderr).toString("utf8").trim();
    throw new Fault("internal", `systemctl ${args.join(" ")}: ${said || `exit code ${code}`}`);
  };
  return {
    start: (slice) => change(["start", "--", slice]),
    stop: (unit) => change(["stop", "--", unit], true),
    liftCpuQuota: (unit) => change(["set-property", "--runtime", "--", unit, "CPUQuota="]),
  };
}

/** Whether scopes have the property OOMPolicy, which asking for is an error before systemd 253. */
export async function scopesHaveOomPolicy(processes: Processes, path: string): Promise<boolean> {
  const args = ["show", "--property=OOMPolicy", "--value", "init.scope"];
  const finished = await systemctl(args, processes, path).catch(() => undefined);
  const stdout = finished?.stdout ?? []; // there is no systemd here: the handlers' probes say what that means
  return Buffer.from(stdout).toString("utf8").trim() !== "";
}

async function systemctl(args: readonly string[], processes: Processes, path: string): Promise<Finished> {
  const command = {
    path: "systemctl",
    args: ["--no-ask-password", ...args],
    env: { PATH: path },
    maxOutput: 4096,
  };
  return await processes.run(command, AbortSignal.timeout(deadline));
}

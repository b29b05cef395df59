import { throwIfEnded, waitFor } from "../../base/deadline.ts";
import { Fault } from "../../base/fault.ts";
import { waitOutside } from "../../base/outside-time.ts";
import type { Bytes } from "../../base/units.ts";
import { killIfThere } from "../../linux/kill-if-there.ts";
import type { LaunchedWithOutput } from "../../linux/launcher.ts";
import { Pipe } from "../../linux/pipe.ts";
import { processIdentity } from "../../linux/process-identity.ts";
import { within } from "../enter-cgroup.ts";
import { alive } from "../exits.ts";
import type { RuntimeHost } from "../host.ts";
import { wordsOf } from "./runtime-words.ts";

/** conmon's own report holds 8 KiB of what the runtime said. */
const maxReport: Bytes = 64 << 10;

/** A conmon to be started. */
export interface MonitorLaunch {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Its working directory. */
  readonly bundle: string;
  /** Undefined: this process's. */
  readonly cgroup: string | undefined;
}

/** What conmon reports once its container is created. */
export interface MonitorReport {
  /** Of the container's first process; undefined: there is none, and `message` says why. */
  readonly pid: number | undefined;
  readonly message: string;
}

/**
 * Starts a monitor and waits for its report. It lives in a session of its own from then on.
 *
 * @throws {Fault} internal with what it said when it could not start
 */
export async function reportOfMonitor(
  { command, env, bundle, cgroup }: MonitorLaunch,
  { launcher, cgroups }: Pick<RuntimeHost, "launcher" | "cgroups">,
  signal: AbortSignal,
): Promise<MonitorReport> {
  using sync = new Pipe();
  const [path = "", ...args] = within(cgroup, command, cgroups);
  using launched = await launcher.launch(
    { path, args, env, cwd: bundle, more: [sync.write] },
    maxReport,
    signal,
  );
  const starter = processIdentity(launched.pid);
  try {
    sync.close("write");
    return await waitOutside(reported(launched, sync, signal));
  } catch (error) {
    // before it forks it has its own process group; after, it is found by its id, and this group may be another's
    if (starter !== undefined && alive(starter)) killIfThere(-launched.pid);
    await launched.exited; // the pid file may name the fork already, and nobody would look for this one
    throwIfEnded(signal, "waiting for the OCI runtime");
    throw error;
  }
}

async function reported(
  launched: LaunchedWithOutput,
  sync: Pipe,
  signal: AbortSignal,
): Promise<MonitorReport> {
  await waitFor(forked(launched), signal, "starting the monitor");
  return parseReport(await sync.firstLine(maxReport, signal));
}

/** The program that was started ends once its fork has its pid file. */
async function forked({ exited, stderr }: LaunchedWithOutput): Promise<void> {
  const { code, signal } = await exited;
  if (code === 0) return;
  const said = wordsOf(stderr.finish().toString("utf8"));
  const how = signal === null ? `exit code ${code}` : `killed by ${signal}`;
  throw new Fault("internal", `conmon: ${said === "" ? how : said}`);
}

/** `{"data": <pid>}`, or -1 with what the runtime wrote to stderr. */
function parseReport(line: string): MonitorReport {
  let report: unknown;
  try {
    report = JSON.parse(line);
  } catch {
    return { pid: undefined, message: line }; // cut off, or what the runtime wrote can't be read back
  }
  if (report === null || typeof report !== "object") return { pid: undefined, message: line };
  const pid =
    "data" in report && typeof report.data === "number" && report.data > 0 ? report.data : undefined;
  return { pid, message: "message" in report ? String(report.message) : "" };
}

import type { Ms } from "../../base/units.ts";
import { BerthService } from "../../wire/gen/berth.v1.ts";
import { CgroupDriver } from "../../wire/gen/runtime.v1.ts";
import { connectTo } from "../connect.ts";
import { infoValues } from "../info-values.ts";
import type { DaemonView } from "./daemon-view.ts";

/** Much for a daemon, though not for one on a busy node. */
const answerWithin: Ms = 5000;

/**
 * Asks the CRI runtime at `socket` for what it says of itself, and berth for more.
 *
 * @throws {Fault} as the calls do: unavailable, deadline
 */
export async function viewOf(socket: string): Promise<DaemonView> {
  const runtime = connectTo({ endpoint: socket });
  using _connection = { [Symbol.dispose]: () => runtime.close() };
  const options = { timeout: answerWithin };
  const version = await runtime.pods.version({ version: "v1" }, options);
  if (version.runtimeName !== "berth") return { kind: "other", version };
  const [status, config, info] = await Promise.all([
    runtime.pods.status({ verbose: true }, options),
    runtime.pods.runtimeConfig({}, options),
    runtime.calls(BerthService).info({}, options),
  ]);
  const cgroupDriver = config.linux?.cgroupDriver === CgroupDriver.SYSTEMD ? "systemd" : "cgroupfs";
  const { daemon } = infoValues(status.info) as { daemon?: { pid?: number } };
  return { kind: "berth", version, status, cgroupDriver, info, pid: daemon?.pid };
}

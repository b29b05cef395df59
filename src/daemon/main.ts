import { describeFault } from "../base/fault.ts";
import type { Config } from "../config/schema.ts";
import { takeServiceManager } from "../linux/service-manager.ts";
import { openLog } from "./log.ts";
import { Reload } from "./reload.ts";
import { openService, type Service } from "./service.ts";
import { type RunningDaemon, startDaemon } from "./start.ts";

/**
 * Runs the daemon until it is told to end (TERM or INT). Containers run on. HUP has it read anew what can change while it runs:
 * the log's level, AppArmor, the pinned images, and how registries are reached.
 *
 * @param readConfig the settings as they are now
 * @throws {Fault} wrongState when another daemon has the same directories; invalid for settings that can't work
 */
export async function serve(readConfig: () => Config): Promise<void> {
  using service = openService(takeServiceManager(process.env));
  try {
    await serveUntilTold(readConfig, service);
  } catch (error) {
    service.failed(describeFault(error));
    throw error;
  }
  process.exit(0);
}

async function serveUntilTold(readConfig: () => Config, service: Service): Promise<void> {
  const config = readConfig();
  const log = openLog(config.log);
  process.on("uncaughtExceptionMonitor", (error) =>
    log.error({ err: error }, "berth ends by a fault of its own"),
  );
  const told = Promise.withResolvers<NodeJS.Signals>();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => told.resolve(signal));
  const started = Promise.withResolvers<RunningDaemon>();
  const reload = new Reload(config, {
    readConfig,
    change: async (changed) => (await started.promise).change(changed),
    log,
    service,
  });
  process.on("SIGHUP", () => void started.promise.then(() => reload.again()));
  await using daemon = await startDaemon(config, log, service);
  service.ready(() => [daemon.status(), reload.status].filter(Boolean).join("; "));
  started.resolve(daemon);
  const signal = await told.promise;
  service.stopping();
  log.info({ signal }, "berth ends; its containers run on");
}

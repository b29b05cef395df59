import type { Config } from "../config/schema.ts";
import { notifySystemd } from "../linux/notify-systemd.ts";
import { openLog } from "./log.ts";
import { startDaemon } from "./start.ts";

/**
 * Runs the daemon until it is told to end (TERM or INT). Containers run on.
 *
 * @throws {Fault} wrongState when another daemon has the same directories; invalid for settings that can't work
 */
export async function serve(config: Config): Promise<void> {
  const log = openLog(config.log);
  const told = Promise.withResolvers<NodeJS.Signals>();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => told.resolve(signal));
  {
    await using _daemon = await startDaemon(config, log);
    notifySystemd("READY=1");
    const signal = await told.promise;
    notifySystemd("STOPPING=1");
    log.info({ signal }, "berth ends; its containers run on");
  }
  process.exit(0);
}

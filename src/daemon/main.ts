import type { Logger } from "pino";
import { describeFault } from "../base/fault.ts";
import type { Config } from "../config/schema.ts";
import { notifySystemd } from "../linux/notify-systemd.ts";
import { openLog } from "./log.ts";
import { startDaemon } from "./start.ts";

/**
 * Runs the daemon until it is told to end (TERM or INT). Containers run on. HUP has it read the log's level anew.
 *
 * @param reread the settings as they are now
 * @throws {Fault} wrongState when another daemon has the same directories; invalid for settings that can't work
 */
export async function serve(config: Config, reread: () => Config): Promise<void> {
  const log = openLog(config.log);
  const told = Promise.withResolvers<NodeJS.Signals>();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => told.resolve(signal));
  process.on("SIGHUP", () => changeLevel(log, reread));
  {
    await using _daemon = await startDaemon(config, log);
    notifySystemd("READY=1");
    const signal = await told.promise;
    notifySystemd("STOPPING=1");
    log.info({ signal }, "berth ends; its containers run on");
  }
  process.exit(0);
}

/** Settings that can't be read change nothing. */
function changeLevel(log: Logger, reread: () => Config): void {
  try {
    const { level } = reread().log;
    const shown = { logLevel: level };
    const isLess = (log.levels.values[level] ?? 0) > log.levelVal;
    if (!isLess) log.level = level;
    log.info(shown, "the log's level is set; other settings are read at a start only");
    log.level = level;
  } catch (error) {
    log.error({ err: describeFault(error) }, "HUP: the settings can't be read; the log's level stays");
  }
}

import type { Logger } from "pino";
import { describeFault } from "../base/fault.ts";
import type { Config } from "../config/schema.ts";
import { notifySystemd } from "../linux/notify-systemd.ts";
import { openLog } from "./log.ts";
import { type RunningDaemon, startDaemon } from "./start.ts";

/**
 * Runs the daemon until it is told to end (TERM or INT). Containers run on. HUP has it read anew what can change while it runs:
 * the log's level, the pinned images, and how registries are reached.
 *
 * @param reread the settings as they are now
 * @throws {Fault} wrongState when another daemon has the same directories; invalid for settings that can't work
 */
export async function serve(config: Config, reread: () => Config): Promise<void> {
  const log = openLog(config.log);
  const told = Promise.withResolvers<NodeJS.Signals>();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => told.resolve(signal));
  let running: RunningDaemon | undefined;
  process.on("SIGHUP", () => void changeSettings(running, log, reread));
  {
    await using daemon = await startDaemon(config, log);
    running = daemon;
    notifySystemd("READY=1");
    const signal = await told.promise;
    notifySystemd("STOPPING=1");
    log.info({ signal }, "berth ends; its containers run on");
  }
  process.exit(0);
}

/** Settings that can't be read change nothing. */
async function changeSettings(
  daemon: RunningDaemon | undefined,
  log: Logger,
  reread: () => Config,
): Promise<void> {
  try {
    const config = reread();
    const { level } = config.log;
    const shown = { logLevel: level, pinned: config.image.pinned };
    const isLess = (log.levels.values[level] ?? 0) > log.levelVal;
    if (!isLess) log.level = level;
    await daemon?.change(config);
    log.info(
      shown,
      "HUP: the log's level, the pinned images and how registries are reached are set; other settings are read at a start only",
    );
    log.level = level;
  } catch (error) {
    log.error({ err: describeFault(error) }, "HUP: the settings can't be read; they stay as they were");
  }
}

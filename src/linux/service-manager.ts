import type { Ms } from "../base/units.ts";
import { DatagramSender } from "./datagrams.ts";
import { errnoOf } from "./libc.ts";

/** The service manager that started this process and wants to hear how it does (sd_notify(3)). */
export interface ServiceManager {
  /** Within so long of one another it wants to see `WATCHDOG=1` (sd_watchdog_enabled(3)); undefined: it does not. */
  readonly watchdog: Ms | undefined;
  /**
   * Tells it one or more assignments at once, such as `READY=1`. A manager that is busy or gone misses it.
   *
   * @returns false when it was missed
   */
  tell(...assignments: readonly string[]): boolean;
}

/**
 * Whom the environment names, if anyone. The names are taken out of it: a program that berth starts is not the service, and one
 * that knows of such notices would speak for it.
 *
 * @throws {RangeError} for a socket's path that is too long
 */
export function takeServiceManager(env: NodeJS.ProcessEnv): ServiceManager | undefined {
  const { NOTIFY_SOCKET: socket = "", WATCHDOG_USEC: interval, WATCHDOG_PID: whom } = env;
  for (const name of ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"]) delete env[name];
  if (!/^[/@]./.test(socket)) return undefined;
  const sender = new DatagramSender(socket.replace(/^@/, "\0"));
  const isWatched = whom === undefined || whom === String(process.pid);
  const microseconds = isWatched && /^[1-9][0-9]*$/.test(interval ?? "") ? Number(interval) : undefined;
  return {
    watchdog: microseconds === undefined ? undefined : microseconds / 1000,
    tell(...assignments) {
      try {
        sender.send(Buffer.from(assignments.join("\n")));
        return true;
      } catch (error) {
        if (errnoOf(error) === undefined) throw error;
        return false;
      }
    },
  };
}

import type { Ms } from "../base/units.ts";
import type { ServiceManager } from "../linux/service-manager.ts";

/** How often the status is looked at; what nobody changed is not told again. */
const statusEveryMs: Ms = 5_000;
/** Of the watchdog's time: a ping that the manager missed is followed by another long before it is up. */
const pingsInInterval = 2;
const pingsAfterMiss = 20;

/** What the daemon tells whoever manages services on this host (sd_notify(3)); nobody, where it was started by hand. */
export interface Service extends Disposable {
  /** A step of the start, and how long it may take: the manager waits at least so long. */
  starting(doing: string, within: Ms): void;
  /** It serves. From now on the manager sees that the event loop turns, and what `status` says. */
  ready(status: () => string): void;
  /** Settings are read again; `reloaded` follows. */
  reloading(): void;
  reloaded(): void;
  stopping(): void;
  /** It can't go on, and why. */
  failed(why: string): void;
}

export function openService(manager: ServiceManager | undefined): Service {
  if (manager === undefined) return nobodysService;
  const timers = new DisposableStack();
  let told = "";
  let status = () => "";
  const news = () => {
    const now = oneLine(status());
    if (now === told) return [];
    told = now;
    return [`STATUS=${now}`];
  };
  return {
    starting(doing, within) {
      manager.tell(`STATUS=starts: ${doing}`, `EXTEND_TIMEOUT_USEC=${Math.ceil(within * 1000)}`);
    },
    ready(ask) {
      status = ask;
      manager.tell("READY=1", ...news());
      if (manager.watchdog !== undefined) timers.use(feedWatchdog(manager, manager.watchdog));
      const telling = setInterval(() => {
        const changed = news();
        if (changed.length > 0) manager.tell(...changed);
      }, statusEveryMs);
      telling.unref();
      timers.defer(() => clearInterval(telling));
    },
    reloading() {
      const microseconds = process.hrtime.bigint() / 1000n;
      manager.tell("RELOADING=1", `MONOTONIC_USEC=${microseconds}`, "STATUS=reads its settings again");
      told = "";
    },
    reloaded: () => void manager.tell("READY=1", ...news()),
    stopping() {
      timers.dispose(); // the manager has stopped its watchdog by now
      manager.tell("STOPPING=1", "STATUS=ends; containers run on");
    },
    failed: (why) => void manager.tell(`STATUS=${oneLine(why)}`),
    [Symbol.dispose]: () => timers.dispose(),
  };
}

/** From a timer of the event loop, so that one which is stuck is found. */
function feedWatchdog(manager: ServiceManager, interval: Ms): Disposable {
  let next: NodeJS.Timeout | undefined;
  const ping = () => {
    const parts = manager.tell("WATCHDOG=1") ? pingsInInterval : pingsAfterMiss;
    next = setTimeout(ping, interval / parts).unref();
  };
  ping();
  return { [Symbol.dispose]: () => clearTimeout(next) };
}

function oneLine(text: string): string {
  return text.replaceAll(/:\s*\n\s*/g, ": ").replaceAll(/\s*\n\s*/g, "; ");
}

const nobodysService: Service = {
  starting() {},
  ready() {},
  reloading() {},
  reloaded() {},
  stopping() {},
  failed() {},
  [Symbol.dispose]() {},
};

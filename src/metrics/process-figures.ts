import { readdirSync, readFileSync } from "node:fs";
import { constants, monitorEventLoopDelay, PerformanceObserver } from "node:perf_hooks";
import type { Family } from "./family.ts";
import { Gauge, type Reading } from "./gauge.ts";
import { Histogram } from "./histogram.ts";

/** How often the event loop is looked at, in ms: ten times a second takes 0.5 ms of CPU a second, a hundred times 3.7. */
const loopResolution = 100;

/** The daemon's own process under the names that Prometheus' client libraries give it, until disposed of. */
export class ProcessFigures implements Disposable {
  readonly families: readonly Family[];
  readonly #delay: ReturnType<typeof monitorEventLoopDelay>;
  readonly #collections: PerformanceObserver;

  constructor() {
    this.#delay = monitorEventLoopDelay({ resolution: loopResolution });
    this.#delay.enable();
    const collecting = new Histogram(
      {
        name: "nodejs_gc_duration_seconds",
        help: "Pauses of the main thread for garbage.",
        labels: ["kind"],
      },
      [0.001, 0.005, 0.01, 0.05, 0.1, 1],
    );
    this.#collections = new PerformanceObserver((list) => {
      for (const entry of list.getEntries())
        collecting.observe(entry.duration / 1000, kindOfCollection(entry));
    });
    this.#collections.observe({ entryTypes: ["gc"] });
    this.families = [...processFamilies(), ...memoryFamilies(), ...this.#loopFamilies(), collecting];
  }

  #loopFamilies(): Family[] {
    const delay = this.#delay;
    const beyond = (ms: number) => Math.max(0, ms / 1e6 - loopResolution) / 1000;
    const lag = (at: string, help: string, read: () => number) =>
      new Gauge({ name: `nodejs_eventloop_lag_${at}_seconds`, help }, () => {
        return delay.count === 0 ? [] : [[beyond(read())]];
      });
    const since = "since the scrape before";
    return [
      new Gauge(
        {
          name: "nodejs_eventloop_active_seconds_total",
          help: "Time in which the main thread had something to do.",
        },
        () => [[performance.eventLoopUtilization().active / 1000]],
        "counter",
      ),
      lag("mean", `How late timers are, on average ${since}.`, () => delay.mean),
      lag("p50", `How late half of the timers are at most, ${since}.`, () => delay.percentile(50)),
      lag("p99", `How late 99 of 100 timers are at most, ${since}.`, () => delay.percentile(99)),
      new Gauge(
        { name: "nodejs_eventloop_lag_max_seconds", help: `How late the latest timer was, ${since}.` },
        () => {
          const latest: Reading[] = delay.count === 0 ? [] : [[beyond(delay.max)]];
          delay.reset(); // the last of these that is read
          return latest;
        },
      ),
    ];
  }

  [Symbol.dispose](): void {
    this.#delay.disable();
    this.#collections.disconnect();
  }
}

/** Of an entry of the type `gc`. */
function kindOfCollection(
  entry: PerformanceEntry & { readonly detail?: { readonly kind?: number } },
): string {
  switch (entry.detail?.kind) {
    case constants.NODE_PERFORMANCE_GC_MINOR:
      return "minor";
    case constants.NODE_PERFORMANCE_GC_MAJOR:
      return "major";
    case constants.NODE_PERFORMANCE_GC_INCREMENTAL:
      return "incremental";
    default:
      return "weakcb";
  }
}

function processFamilies(): Family[] {
  const startedAt = Date.now() / 1000 - process.uptime();
  return [
    new Gauge(
      { name: "process_cpu_seconds_total", help: "User and system CPU time, of all threads." },
      () => {
        const { user, system } = process.cpuUsage();
        return [[(user + system) / 1e6]];
      },
      "counter",
    ),
    one("process_start_time_seconds", "When the daemon started, in seconds since 1970.", () => startedAt),
    one("process_open_fds", "Open file descriptors.", () => readdirSync("/proc/self/fd").length - 1),
    one("process_max_fds", "The limit of open file descriptors.", () => {
      const limit = /^Max open files\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
      return limit === "unlimited" ? Number.POSITIVE_INFINITY : Number(limit);
    }),
    one("process_threads", "Threads.", () => statusField("Threads")),
  ];
}

function memoryFamilies(): Family[] {
  return [
    one("process_resident_memory_bytes", "Resident memory.", () => statusField("VmRSS") * 1024),
    one("process_virtual_memory_bytes", "Virtual memory.", () => statusField("VmSize") * 1024),
    one("nodejs_heap_size_total_bytes", "Heap of the main thread.", () => process.memoryUsage().heapTotal),
    one("nodejs_heap_size_used_bytes", "Used heap of the main thread.", () => process.memoryUsage().heapUsed),
    one(
      "nodejs_external_memory_bytes",
      "Memory outside of the heap that objects in it hold.",
      () => process.memoryUsage().external,
    ),
  ];
}

function one(name: string, help: string, read: () => number): Gauge {
  return new Gauge({ name, help }, () => [[read()]]);
}

/** A number of /proc/self/status (proc(5)); memory in kB. */
function statusField(name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(readFileSync("/proc/self/status", "utf8"))?.[1]);
}

import { Counter } from "./counter.ts";
import type { Family } from "./family.ts";
import { Histogram } from "./histogram.ts";

/** Seconds, from what memory answers to what a slow network plugin or a large image takes. */
const operationBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];
/** Seconds, of what happens within an operation. */
const stepBounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30];
/** Seconds. */
const commitBounds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1];
/** Seconds. */
const pullBounds = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600];
/** Bytes a second: 100 kB to 1 GB. */
const throughputBounds = [1e5, 1e6, 2.5e6, 5e6, 1e7, 2.5e7, 5e7, 1e8, 2.5e8, 5e8, 1e9];

/** Why containers end; all of them are shown from the start. */
const exitReasons = ["Completed", "Error", "OOMKilled", "StartError", "MonitorLost"];
const strayKinds = ["container", "pod", "cgroup", "snapshot"];

/**
 * What the daemon counts and times as it works. `docs/metrics.md` explains each to operators; a test holds the two
 * together. No label's values come from a caller: there are as many series as berth has operations, steps and handlers.
 */
export interface Instruments {
  readonly calls: {
    readonly total: Counter;
    readonly errors: Counter;
    readonly seconds: Histogram;
    readonly failedSteps: Counter;
  };
  readonly steps: { readonly seconds: Histogram; readonly outside: Counter };
  readonly pulls: {
    readonly total: Counter;
    readonly failures: Counter;
    readonly seconds: Histogram;
    readonly throughput: Histogram;
    readonly bytes: Counter;
    readonly skippedBytes: Counter;
    readonly layers: Counter;
    readonly reusedLayers: Counter;
  };
  readonly unpacking: {
    readonly seconds: Histogram;
    readonly bytes: Counter;
    readonly files: Counter;
    readonly errors: Counter;
  };
  readonly lifecycle: {
    readonly events: Counter;
    readonly dropped: Counter;
    readonly exits: Counter;
    readonly execs: Counter;
  };
  readonly streams: { readonly began: Counter; readonly ended: Counter; readonly errors: Counter };
  readonly network: { readonly seconds: Histogram; readonly errors: Counter };
  readonly plugins: { readonly seconds: Histogram; readonly errors: Counter };
  readonly nri: {
    readonly seconds: Histogram;
    readonly errors: Counter;
    readonly changes: Counter;
    readonly launches: Counter;
  };
  readonly runtime: { readonly seconds: Histogram; readonly errors: Counter };
  readonly database: { readonly seconds: Histogram; readonly writes: Counter };
  readonly sweeps: { readonly seconds: Histogram; readonly errors: Counter; readonly strays: Counter };
}

/** All at zero. */
export function newInstruments(): Instruments {
  const lifecycle = newLifecycle();
  for (const reason of exitReasons) lifecycle.exits.add(0, reason);
  const sweeps = newSweeps();
  for (const kind of strayKinds) sweeps.strays.add(0, kind);
  return {
    calls: newCalls(),
    steps: newSteps(),
    pulls: newPulls(),
    unpacking: newUnpacking(),
    lifecycle,
    streams: newStreams(),
    network: timed("berth_network_operation", "attaching and detaching a pod, all its plugins together", [
      "operation",
    ]),
    plugins: timed("berth_cni_plugin_call", "one call of one CNI plugin", ["command", "plugin"]),
    nri: {
      ...timed("berth_nri_plugin_call", "one call of one NRI plugin", ["event", "plugin"]),
      changes: new Counter({
        name: "berth_nri_plugin_changes_total",
        help: "Containers that one NRI plugin adjusted, updated or evicted.",
        labels: ["kind", "plugin"],
      }),
      launches: new Counter({
        name: "berth_nri_plugin_relaunches_total",
        help: "Launches of one NRI plugin's program after it had ended.",
        labels: ["plugin"],
      }),
    },
    runtime: timed("berth_runtime_operation", "what the monitor and the OCI runtime are asked for", [
      "operation",
      "handler",
    ]),
    database: {
      seconds: new Histogram(
        {
          name: "berth_database_commit_duration_seconds",
          help: "From handing a group of writes to the writer thread until it is committed.",
        },
        commitBounds,
      ),
      writes: new Counter({
        name: "berth_database_writes_total",
        help: "Records written and deleted; each commit has one or more.",
      }),
    },
    sweeps,
  };
}

/** Every metric of the instruments, in the order in which they are shown. */
export function familiesOf(instruments: Instruments): Family[] {
  return Object.values(instruments).flatMap((group) => Object.values(group) as Family[]);
}

function timed(prefix: string, what: string, labels: readonly string[]) {
  return {
    seconds: new Histogram(
      { name: `${prefix}_duration_seconds`, help: `Time of ${what}.`, labels },
      stepBounds,
    ),
    errors: new Counter({ name: `${prefix}_errors_total`, help: `Failures of ${what}.`, labels }),
  };
}

function newCalls(): Instruments["calls"] {
  const labels = ["operation"];
  return {
    total: new Counter({
      name: "container_runtime_operations_total",
      help: "Calls that have ended, by the name of the RPC.",
      labels,
    }),
    errors: new Counter({
      name: "container_runtime_operations_errors_total",
      help: "Calls that failed, by RPC and kind of error.",
      labels: ["operation", "kind"],
    }),
    seconds: new Histogram(
      {
        name: "container_runtime_operations_duration_seconds",
        help: "Time from a call's request to its answer, failed ones too.",
        labels,
      },
      operationBounds,
    ),
    failedSteps: new Counter({
      name: "berth_step_failures_total",
      help: "Calls that failed at a step of theirs.",
      labels: ["operation", "step"],
    }),
  };
}

function newSteps(): Instruments["steps"] {
  const labels = ["operation", "step"];
  return {
    seconds: new Histogram(
      {
        name: "berth_step_duration_seconds",
        help: "Time of each step of an operation that came to its end.",
        labels,
      },
      stepBounds,
    ),
    outside: new Counter({
      name: "berth_step_outside_seconds_total",
      help: "How much of that time went by waiting for other programs: CNI and NRI plugins, monitor, OCI runtime.",
      labels,
    }),
  };
}

function newPulls(): Instruments["pulls"] {
  const count = (name: string, help: string, ...labels: string[]) =>
    new Counter({ name: `berth_image_pull${name}`, help, labels });
  return {
    total: count("s_total", "Pulls that have ended, however many callers waited for each."),
    failures: count("_failures_total", "Pulls that failed, by kind of error.", "kind"),
    seconds: new Histogram(
      {
        name: "berth_image_pull_duration_seconds",
        help: "Time of pulls that succeeded, from the first question to the registry until the image can be used.",
      },
      pullBounds,
    ),
    throughput: new Histogram(
      {
        name: "berth_image_pull_throughput_bytes_per_second",
        help: "Compressed bytes of layers fetched, over the whole time of the pull; only of pulls that fetched any.",
      },
      throughputBounds,
    ),
    bytes: count("_bytes_total", "Compressed bytes of layers that were fetched."),
    skippedBytes: count("_skipped_bytes_total", "Compressed bytes of layers that were here already."),
    layers: count("_layers_total", "Layers that were fetched."),
    reusedLayers: count("_reused_layers_total", "Layers that were here already."),
  };
}

function newUnpacking(): Instruments["unpacking"] {
  const count = (name: string, help: string) => new Counter({ name: `berth_layer_unpack${name}`, help });
  return {
    seconds: new Histogram(
      {
        name: "berth_layer_unpack_duration_seconds",
        help: "Time of unpacking a layer; fetching it goes on meanwhile.",
      },
      pullBounds,
    ),
    bytes: count("ed_bytes_total", "Bytes of the unpacked layers' tars."),
    files: count("ed_files_total", "Entries of the unpacked layers' tars."),
    errors: count("_errors_total", "Layers that could not be unpacked, or not be fetched while they were."),
  };
}

function newLifecycle(): Instruments["lifecycle"] {
  return {
    events: new Counter({
      name: "berth_lifecycle_events_total",
      help: "What happened to pods and containers.",
      labels: ["object", "event"],
    }),
    dropped: new Counter({
      name: "berth_events_dropped_total",
      help: "Events that a reader of GetContainerEvents did not get, being too slow; its stream is ended.",
    }),
    exits: new Counter({
      name: "berth_container_exits_total",
      help: "Containers that ended, by the reason that their status gives.",
      labels: ["reason"],
    }),
    execs: new Counter({
      name: "berth_execs_total",
      help: "Commands run in containers to their end (ExecSync): ok, nonzero, timeout or failed.",
      labels: ["result"],
    }),
  };
}

function newStreams(): Instruments["streams"] {
  const count = (name: string, help: string) => {
    return new Counter({ name: `berth_stream${name}_total`, help, labels: ["kind"] });
  };
  return {
    began: count("s_begun", "Streams that were opened: exec, attach, and each connection of a port-forward."),
    ended: count("s_ended", "Streams that have ended; those begun and not ended are open."),
    errors: count("_errors", "Streams that could not be opened."),
  };
}

function newSweeps(): Instruments["sweeps"] {
  return {
    seconds: new Histogram(
      { name: "berth_sweep_duration_seconds", help: "Time of the sweeps for strays." },
      pullBounds,
    ),
    errors: new Counter({
      name: "berth_sweep_errors_total",
      help: "Sweeps that did not come to their end.",
    }),
    strays: new Counter({
      name: "berth_strays_total",
      help: "What lay on the host without a record and was taken away.",
      labels: ["kind"],
    }),
  };
}

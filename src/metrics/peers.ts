import type { Counter } from "./counter.ts";
import type { Family, FamilyType, Sample } from "./family.ts";
import { type Histogram, histogramSamples } from "./histogram.ts";
import type { Instruments } from "./instruments.ts";

/** Runtimes whose names for the same figures dashboards know. */
export type Peer = "containerd" | "crio";

/** Takes the label values of a series; undefined: that series is not meant. */
type Relabel = (...labels: readonly string[]) => Sample["labels"] | undefined;

const mebibyte = 2 ** 20;

/**
 * berth's own figures under a peer's names, where they mean the same. The peer's names stand as they are, odd as some
 * of them may be.
 *
 * @param pullsNow how many pulls are in flight
 */
export function peerFamilies(peer: Peer, instruments: Instruments, pullsNow: () => number): Family[] {
  return peer === "containerd" ? containerdFamilies(instruments, pullsNow) : crioFamilies(instruments);
}

function containerdFamilies(instruments: Instruments, pullsNow: () => number): Family[] {
  const { calls, network, pulls, lifecycle } = instruments;
  const timeOf = (name: string, rpc: string) =>
    histogram(`containerd_cri_${name}_seconds`, `${rpc} calls.`, calls.seconds, only(rpc));
  const kinds: Record<string, string> = { attach: "set_up_pod", detach: "tear_down_pod" };
  const byKind: Relabel = (operation) => [["operation_type", kinds[operation ?? ""] ?? "other"]];
  const plugins = "containerd_cri_network_plugin_operations";
  return [
    timeOf("sandbox_list", "ListPodSandbox"),
    timeOf("sandbox_remove", "RemovePodSandbox"),
    timeOf("container_list", "ListContainers"),
    timeOf("container_create", "CreateContainer"),
    timeOf("container_start", "StartContainer"),
    timeOf("container_stop", "StopContainer"),
    timeOf("container_remove", "RemoveContainer"),
    histogram(
      "containerd_cri_sandbox_create_network_seconds",
      "Attaching pods to the network.",
      network.seconds,
      only("attach"),
    ),
    histogram(
      "containerd_cri_sandbox_delete_network_seconds",
      "Detaching pods.",
      network.seconds,
      only("detach"),
    ),
    family(`${plugins}_total_total`, "counter", "Attaching and detaching pods.", function* () {
      for (const { labels, observed } of network.seconds.values())
        yield { suffix: "", labels: byKind(...labels) ?? [], value: observed.count };
    }),
    counter(`${plugins}_errors_total_total`, "Failures of these.", network.errors, byKind),
    histogram(`${plugins}_duration_seconds_seconds`, "Time of these.", network.seconds, byKind),
    counter(
      "containerd_cri_container_events_dropped_total",
      "Events a reader did not get.",
      lifecycle.dropped,
      all,
    ),
    family("containerd_cri_sandboxed_image_pulls_total", "counter", "Pulls by outcome.", () => [
      { suffix: "", labels: [["status", "success"]], value: succeeded(instruments) },
      { suffix: "", labels: [["status", "failure"]], value: sum(pulls.failures) },
    ]),
    family(
      "containerd_cri_sandboxed_in_progress_image_pulls_total",
      "gauge",
      "Pulls that are in flight.",
      () => [{ suffix: "", labels: [], value: pullsNow() }],
    ),
    histogram(
      "containerd_cri_sandboxed_image_pulling_throughput",
      "MiB a second of pulls.",
      pulls.throughput,
      all,
      mebibyte,
    ),
  ];
}

function crioFamilies(instruments: Instruments): Family[] {
  const { calls, pulls, lifecycle } = instruments;
  const byOperation: Relabel = (operation = "") => [["operation", operation]];
  return [
    counter("crio_operations_total", "Calls that have ended.", calls.total, byOperation),
    counter("crio_operations_errors_total", "Calls that failed.", calls.errors, byOperation),
    family("crio_operations_latency_seconds_total", "summary", "Time of calls.", function* () {
      for (const { labels, observed } of calls.seconds.values()) {
        const operation = byOperation(...labels) ?? [];
        yield { suffix: "_sum", labels: operation, value: observed.sum };
        yield { suffix: "_count", labels: operation, value: observed.count };
      }
    }),
    family("crio_operations_latency_seconds", "gauge", "Time of the latest call.", function* () {
      for (const { labels, observed } of calls.seconds.values())
        yield { suffix: "", labels: byOperation(...labels) ?? [], value: observed.last };
    }),
    counter("crio_image_pulls_bytes_total", "Bytes of layers fetched.", pulls.bytes, all),
    counter("crio_image_pulls_skipped_bytes_total", "Bytes of layers here already.", pulls.skippedBytes, all),
    counter("crio_image_pulls_failure_total", "Pulls that failed.", pulls.failures, (kind = "") => [
      ["error", kind],
    ]),
    family("crio_image_pulls_success_total", "counter", "Pulls that succeeded.", () => [
      { suffix: "", labels: [], value: succeeded(instruments) },
    ]),
    counter("crio_image_layer_reuse_total", "Layers that were here already.", pulls.reusedLayers, all),
    counter(
      "crio_containers_oom_total",
      "Containers that ran out of memory.",
      lifecycle.exits,
      only("OOMKilled"),
    ),
    counter("crio_containers_events_dropped_total", "Events a reader did not get.", lifecycle.dropped, all),
  ];
}

/** Every series, without labels. */
const all: Relabel = () => [];

/** The series whose first label is `value`, without labels. */
function only(value: string): Relabel {
  return (first) => (first === value ? [] : undefined);
}

function succeeded({ pulls }: Instruments): number {
  return sum(pulls.total) - sum(pulls.failures);
}

function sum(of: Counter): number {
  return [...of.values()].reduce((total, { value }) => total + value, 0);
}

function family(name: string, type: FamilyType, help: string, samples: () => Iterable<Sample>): Family {
  return { name, type, help, samples };
}

/** Series that come to have the same labels are added up. */
function counter(name: string, help: string, of: Counter, relabel: Relabel): Family {
  return family(name, "counter", help, () => {
    const sums = new Map<string, { suffix: ""; labels: Sample["labels"]; value: number }>();
    for (const { labels, value } of of.values()) {
      const renamed = relabel(...labels);
      if (renamed === undefined) continue;
      const key = JSON.stringify(renamed);
      sums.set(key, { suffix: "", labels: renamed, value: (sums.get(key)?.value ?? 0) + value });
    }
    return sums.values();
  });
}

/** `unit`: how many of the histogram's own units one of the peer's is. */
function histogram(name: string, help: string, of: Histogram, relabel: Relabel, unit = 1): Family {
  return family(name, "histogram", help, function* () {
    const bounds = of.bounds.map((bound) => bound / unit);
    for (const { labels, observed } of of.values()) {
      const renamed = relabel(...labels);
      if (renamed !== undefined)
        yield* histogramSamples(renamed, { ...observed, sum: observed.sum / unit }, bounds);
    }
  });
}

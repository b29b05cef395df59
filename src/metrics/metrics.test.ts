import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Counter } from "./counter.ts";
import type { Family } from "./family.ts";
import { Gauge } from "./gauge.ts";
import { Histogram } from "./histogram.ts";
import { familiesOf, newInstruments } from "./instruments.ts";
import { peerFamilies } from "./peers.ts";
import { ProcessFigures } from "./process-figures.ts";
import { formatFamilies } from "./text-format.ts";

const text = (...families: Family[]) =>
  formatFamilies(families, ({ name }, error) => assert.fail(`${name}: ${String(error)}`));

test("a counter without labels shows 0 from the start, one with labels what it counted", async () => {
  const plain = new Counter({ name: "a_total", help: "A." });
  const labelled = new Counter({ name: "b_total", help: "B.", labels: ["x", "y"] });
  assert.equal(await text(plain, labelled), "# HELP a_total A.\n# TYPE a_total counter\na_total 0\n");
  plain.add(2);
  labelled.add(1, "1", "2");
  labelled.add(0.5, "1", "2");
  labelled.add(1, "12", "");
  assert.match(
    await text(plain, labelled),
    /^a_total 2\n(#.*\n)*b_total\{x="1",y="2"\} 1.5\nb_total\{x="12",y=""\} 1\n$/m,
  );
});

test("a histogram's buckets count whatever is not above their bound", async () => {
  const seconds = new Histogram({ name: "s", help: "S.", labels: ["of"] }, [0.1, 1]);
  for (const value of [0.05, 0.1, 0.5, 7]) seconds.observe(value, "x");
  const lines = (await text(seconds)).split("\n").filter((line) => !line.startsWith("#"));
  assert.deepEqual(lines, [
    's_bucket{of="x",le="0.1"} 2',
    's_bucket{of="x",le="1"} 3',
    's_bucket{of="x",le="+Inf"} 4',
    's_sum{of="x"} 7.65',
    's_count{of="x"} 4',
    "",
  ]);
});

test("label values and help are escaped", async () => {
  const odd = new Gauge({ name: "g", help: "a\nb\\", labels: ["l"] }, () => [[1, 'say "hi"\n\\']]);
  assert.equal(await text(odd), '# HELP g a\\nb\\\\\n# TYPE g gauge\ng{l="say \\"hi\\"\\n\\\\"} 1\n');
});

test("values that a caller might choose can't make more series than there is room for", async () => {
  const counter = new Counter({ name: "c_total", help: "C.", labels: ["a", "b"] });
  for (let value = 0; value < 2000; value++) counter.add(1, String(value), "x");
  const series = [...counter.values()];
  assert.ok(series.length <= 513, `${series.length} series`);
  assert.equal(
    series.reduce((sum, { value }) => sum + value, 0),
    2000,
    "none is lost",
  );
  assert.ok((series.find(({ labels }) => labels.join() === "other,other")?.value ?? 0) > 1000);
});

test("a metric that can't be read is left out and told of; the others are shown", async () => {
  const failing = new Gauge({ name: "f", help: "F." }, () => Promise.reject(new Error("no disk")));
  const failed: string[] = [];
  const shown = await formatFamilies(
    [failing, new Counter({ name: "c_total", help: "C." })],
    (family, error) => failed.push(`${family.name}: ${String(error)}`),
  );
  assert.match(shown, /^# HELP c_total/);
  assert.deepEqual(failed, ["f: Error: no disk"]);
});

test("the peers' names show the same figures", async () => {
  const instruments = newInstruments();
  const { calls, network, pulls, lifecycle } = instruments;
  calls.total.add(3, "CreateContainer");
  calls.errors.add(1, "CreateContainer", "internal");
  calls.errors.add(1, "CreateContainer", "deadline");
  calls.seconds.observe(0.25, "CreateContainer");
  calls.seconds.observe(0.5, "CreateContainer");
  network.seconds.observe(0.1, "attach");
  network.errors.add(1, "detach");
  pulls.total.add(3);
  pulls.failures.add(1, "notFound");
  pulls.throughput.observe(2 ** 20);
  lifecycle.exits.add(2, "OOMKilled");
  lifecycle.exits.add(5, "Error");
  const has = (shown: string, ...lines: string[]) => {
    for (const line of lines) assert.ok(shown.split("\n").includes(line), `${line} in:\n${shown}`);
  };
  has(
    await text(...peerFamilies("crio", instruments, () => 4)),
    'crio_operations_total{operation="CreateContainer"} 3',
    'crio_operations_errors_total{operation="CreateContainer"} 2',
    'crio_operations_latency_seconds_total_sum{operation="CreateContainer"} 0.75',
    'crio_operations_latency_seconds_total_count{operation="CreateContainer"} 2',
    'crio_operations_latency_seconds{operation="CreateContainer"} 0.5',
    "crio_image_pulls_success_total 2",
    'crio_image_pulls_failure_total{error="notFound"} 1',
    "crio_containers_oom_total 2",
  );
  has(
    await text(...peerFamilies("containerd", instruments, () => 4)),
    "containerd_cri_container_create_seconds_count 2",
    "containerd_cri_sandbox_create_network_seconds_sum 0.1",
    'containerd_cri_network_plugin_operations_total_total{operation_type="set_up_pod"} 1',
    'containerd_cri_network_plugin_operations_errors_total_total{operation_type="tear_down_pod"} 1',
    'containerd_cri_sandboxed_image_pulls_total{status="success"} 2',
    'containerd_cri_sandboxed_image_pulls_total{status="failure"} 1',
    "containerd_cri_sandboxed_in_progress_image_pulls_total 4",
    "containerd_cri_sandboxed_image_pulling_throughput_sum 1",
  );
});

test("the process tells of itself: CPU, memory, descriptors, the event loop", async () => {
  using figures = new ProcessFigures();
  let shown = "";
  for (let tries = 0; !shown.includes("nodejs_eventloop_lag_max_seconds"); tries++) {
    assert.ok(tries < 20, "the loop's lag is never shown");
    // Each reading begins anew, and the loop is looked at every 100 ms.
    await new Promise((resolve) => setTimeout(resolve, 300));
    shown = await text(...figures.families);
  }
  const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(shown)?.[1]);
  assert.ok(value("process_cpu_seconds_total") > 0);
  assert.equal(value("process_resident_memory_bytes") % 1024, 0);
  assert.ok(value("process_resident_memory_bytes") > 30e6);
  assert.ok(value("process_open_fds") > 2 && value("process_open_fds") < value("process_max_fds"));
  assert.ok(value("process_threads") >= 5);
  assert.ok(Math.abs(value("process_start_time_seconds") - Date.now() / 1000) < 600);
  assert.ok(value("nodejs_heap_size_used_bytes") < value("nodejs_heap_size_total_bytes"));
  assert.ok(value("nodejs_eventloop_active_seconds_total") > 0);
});

test("every metric has a name of its own by Prometheus' conventions, and docs/metrics.md explains it", () => {
  using figures = new ProcessFigures();
  const instruments = newInstruments();
  const own = [...familiesOf(instruments), ...figures.families];
  const peers = (["containerd", "crio"] as const).flatMap((peer) => peerFamilies(peer, instruments, () => 0));
  const names = [...own, ...peers].map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const { name, type } of own) {
    assert.match(name, /^(berth|container_runtime|process|nodejs)_[a-z0-9_]+$/);
    assert.equal(name.endsWith("_total"), type === "counter", name);
  }
  const documented = readFileSync(join(import.meta.dirname, "../../docs/metrics.md"), "utf8");
  const missing = names.filter((name) => !documented.includes(`\`${name}\``));
  assert.deepEqual(missing, []);
});

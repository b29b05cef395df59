import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ImageSpec } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { asQuery, readDashboard } from "../harness/dashboard.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { logLines, metricsAddress } from "../harness/log-lines.ts";
import { eventually, exited, removeAllPods, runContainer, runPod, shellConfig } from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";
import { TestPrometheus } from "../harness/prometheus.ts";
import { TestRegistry } from "../harness/registry.ts";
import { busyboxLayer, file } from "../images/busybox.ts";

describe("metrics, scraped by Prometheus", privileged, () => {
  let daemon: TestDaemon;
  let prometheus: TestPrometheus;
  let registry: TestRegistry;

  before(async () => {
    registry = await TestRegistry.start();
    daemon = await TestDaemon.start({ runtime: "crun", extraConfig: '[metrics]\naddress = "127.0.0.1:0"\n' });
    registry.trustIn(daemon.workspace.certsDir);
    await importBusybox(daemon);
    const address = await metricsAddress(daemon);
    prometheus = await TestPrometheus.start(new URL(address).host);
  });

  after(async () => {
    await prometheus?.close();
    await registry?.close();
    try {
      if (daemon !== undefined) await removeAllPods(daemon);
    } finally {
      await daemon?.close();
    }
  });

  /** A pod's whole life, with commands in it and an end that the daemon didn't ask for. */
  async function livePod(name: string): Promise<void> {
    const pod = await runPod(daemon, name);
    const id = await runContainer(
      daemon,
      pod,
      shellConfig("main", busyboxImage, "until [ -e /go ]; do sleep 0.1; done; exit 3"),
    );
    await daemon.pods.execSync({ containerId: id, cmd: ["touch", "/go"] });
    await exited(daemon, id);
    await daemon.pods.listPodSandbox({});
    await daemon.pods.stopPodSandbox({ podSandboxId: pod.id });
    await daemon.pods.removePodSandbox({ podSandboxId: pod.id });
  }

  /** Pulls what comes from the registry, with or without the password. */
  async function pull(image: string, withPassword: boolean): Promise<void> {
    const { auth } = registry;
    await daemon.images.pullImage({
      image: ImageSpec.create({ image }),
      auth: withPassword ? auth : undefined,
      sandboxConfig: undefined,
    });
  }

  test("the text is what promtool takes for sound", async () => {
    await livePod("first");
    const text = await (await fetch(`${await metricsAddress(daemon)}/metrics`)).text();
    assert.equal(execFileSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" }), "");
  });

  test("a pod's life is counted and timed", async () => {
    await prometheus.scrape();
    using _held = hold(daemon); // a later scrape that comes in vain, as on a busy machine, changes nothing
    await prometheus.missScrape();
    const { value } = prometheus;
    const figure = (expression: string) => value.call(prometheus, expression);
    for (const operation of [
      "RunPodSandbox",
      "CreateContainer",
      "StartContainer",
      "ExecSync",
      "StopPodSandbox",
      "RemovePodSandbox",
    ]) {
      assert.equal(
        await figure(`container_runtime_operations_total{operation="${operation}"}`),
        1,
        operation,
      );
      const seconds = `container_runtime_operations_duration_seconds`;
      const took = await figure(`${seconds}_sum{operation="${operation}"}`);
      assert.ok(took > 0 && took < 60, `${operation} took ${took} s`);
      assert.equal(await figure(`${seconds}_bucket{operation="${operation}",le="+Inf"}`), 1);
    }
    const steps = await prometheus.query('berth_step_duration_seconds_count{operation="RunPodSandbox"} == 1');
    assert.deepEqual(
      new Set(steps.map(({ labels }) => labels.step)),
      new Set(["record", "namespaces", "cgroup", "shim", "network", "files", "sandbox"]),
    );
    const sumOfSteps = await figure('sum(berth_step_duration_seconds_sum{operation="RunPodSandbox"})');
    const whole = await figure(
      'container_runtime_operations_duration_seconds_sum{operation="RunPodSandbox"}',
    );
    assert.ok(sumOfSteps > 0 && sumOfSteps <= whole, `${sumOfSteps} of ${whole} s`);
    assert.equal(
      await figure('berth_step_duration_seconds_count{operation="StartContainer",step="start"}'),
      1,
    );
    assert.ok((await figure('berth_step_outside_seconds_total{step="network"}')) > 0);
    assert.equal(
      await figure('berth_cni_plugin_call_duration_seconds_count{command="ADD",plugin="bridge"}'),
      1,
    );
    assert.equal(
      await figure('berth_runtime_operation_duration_seconds_count{operation="create",handler="crun"}'),
      1,
    );
    assert.equal(await figure('berth_container_exits_total{reason="Error"}'), 1);
    assert.equal(await figure('berth_execs_total{result="ok"}'), 1);
    assert.ok((await figure("berth_database_writes_total")) >= 6);
    assert.equal(await figure("berth_sweep_duration_seconds_count"), 1);
  });

  test("what there is now: pods, containers, images, snapshots, blobs, the process", async () => {
    const pod = await runPod(daemon, "counted");
    await runContainer(daemon, pod, shellConfig("main", busyboxImage, "exec sleep 999"));
    const hungry = shellConfig("hungry", busyboxImage, "x=a; while :; do x=$x$x$x$x; done", {
      linux: { resources: { memoryLimitInBytes: 16n << 20n } },
    });
    await exited(daemon, await runContainer(daemon, pod, hungry));
    await prometheus.scrape();
    const figure = (expression: string) => prometheus.value(expression);
    assert.equal(await figure('berth_pods{state="ready"}'), 1);
    assert.equal(await figure('berth_containers{state="running"}'), 1);
    assert.equal(await figure('berth_containers{state="exited"}'), 1);
    assert.equal(await figure('berth_container_exits_total{reason="OOMKilled"}'), 1);
    assert.equal(await figure("berth_images"), 1);
    assert.equal(await figure('berth_snapshots{kind="layer"}'), 2);
    assert.equal(await figure('berth_snapshots{kind="container"}'), 2);
    assert.ok((await figure("berth_image_layer_bytes")) > 1e6);
    assert.ok((await figure("berth_content_bytes")) > 1e5);
    const resident = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.pid}/status`, "utf8"))?.[1]);
    const shown = (await figure("process_resident_memory_bytes")) / 1024;
    assert.ok(Math.abs(shown - resident) < resident / 2, `${shown} kB, ${resident} kB`);
    assert.ok((await figure("process_cpu_seconds_total")) > 0);
    await removeAllPods(daemon);
    await prometheus.scrape();
    assert.equal(await figure('berth_pods{state="ready"}'), 0);
  });

  test("pulls: bytes, layers that were here already, failures", async () => {
    const layers = [busyboxLayer(), [file("etc/first", "1")]];
    const first = await registry.push({ layers, config: {} }, "some/first:1");
    const second = await registry.push(
      { layers: [...layers, [file("etc/second", "2")]], config: {} },
      "some/second:1",
    );
    const blobs = (reference: string) => sizesOf(reference, registry);
    const figure = (expression: string) => prometheus.value(expression);
    await assert.rejects(pull(first, false));
    await pull(first, true);
    await prometheus.scrape();
    // The busybox layer is here by the import, and the other is new.
    const [base = 0, own = 0] = blobs(first);
    assert.equal(await figure("berth_image_pull_bytes_total"), own);
    assert.equal(await figure("berth_image_pull_skipped_bytes_total"), base);
    await Promise.all([pull(second, true), pull(second, true), pull(first, true)]);
    await prometheus.scrape();
    const [, , top = 0] = blobs(second);
    assert.equal(await figure("berth_image_pull_bytes_total"), own + top);
    assert.equal(await figure("berth_image_pull_layers_total"), 2);
    assert.equal(await figure('berth_image_pull_failures_total{kind="unauthenticated"}'), 1);
    // The two pulls of the second image are one, unless the one was over when the other began.
    const total = await figure("berth_image_pulls_total");
    assert.ok(total === 4 || total === 5, `${total} pulls`);
    assert.equal(await figure("berth_image_pull_duration_seconds_count"), total - 1);
    assert.equal(await figure("berth_image_pull_throughput_bytes_per_second_count"), 2);
    assert.equal(await figure("berth_image_pulls_in_progress"), 0);
    assert.equal(
      await figure('container_runtime_operations_errors_total{operation="PullImage",kind="unauthenticated"}'),
      1,
    );
  });

  test("a call that fails is counted by its kind and its step", async () => {
    const gone = join(daemon.workspace.confDir, "10-test.conflist");
    const conflist = readFileSync(gone, "utf8");
    writeFileSync(gone, conflist.replace('"host-local"', '"no-such-plugin"'));
    await assert.rejects(runPod(daemon, "unreachable"));
    writeFileSync(gone, conflist);
    await prometheus.scrape();
    assert.equal(
      await prometheus.value('berth_step_failures_total{operation="RunPodSandbox",step="network"}'),
      1,
    );
    assert.equal(
      await prometheus.value('sum(container_runtime_operations_errors_total{operation="RunPodSandbox"})'),
      1,
    );
    assert.ok(
      (await prometheus.value('berth_cni_plugin_call_errors_total{command="ADD",plugin="bridge"}')) >= 1,
    );
  });

  test("every panel of the dashboard shows figures, and the alerts are loaded", async () => {
    const dashboard = readDashboard();
    assert.deepEqual(
      dashboard.templating.list.map(({ name, type }) => [name, type]),
      [
        ["datasource", "datasource"],
        ["job", "query"],
        ["instance", "query"],
      ],
    );
    const panels = dashboard.panels.filter(({ type }) => type !== "row");
    assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
    for (const { title, datasource, targets = [], gridPos } of panels) {
      assert.deepEqual(datasource, { type: "prometheus", uid: "$" + "{datasource}" }, title);
      assert.ok(targets.length > 0 && gridPos.x + gridPos.w <= 24, title);
    }
    // Rates need something that happens while they are looked at.
    await livePod("seen");
    await prometheus.scrape();
    const shown: string[] = [];
    for (const { title, targets = [] } of panels) {
      for (const { expr } of targets) {
        const samples = await prometheus.query(asQuery(expr));
        assert.ok(samples.length > 0, `${title}: ${expr} gives nothing`);
        const numbers = samples.filter(({ value }) => Number.isFinite(value));
        if (numbers.length > 0) shown.push(title);
      }
    }
    assert.deepEqual(
      panels.map(({ title }) => title).filter((title) => !shown.includes(title)),
      [],
      "panels that show no number at all",
    );
    assert.ok((await prometheus.alerts()).includes("BerthStranded"));
    execFileSync("promtool", ["check", "rules", "packaging/prometheus/berth-rules.yml"]);
  });

  test("after a restart: names that dashboards for containerd and CRI-O know, and strays that were found", async () => {
    configure(daemon, 'peerNames = ["containerd", "crio"]');
    await daemon.stop();
    mkdirSync(join(daemon.workspace.state, "pods", "0".repeat(64)));
    await daemon.launch();
    await livePod("known");
    const url = `${await metricsAddress(daemon)}/metrics`;
    const text = await eventually("the first sweep", 10_000, async () => {
      const now = await (await fetch(url)).text();
      return now.includes("berth_sweep_duration_seconds_count 1") ? now : undefined;
    });
    assert.match(text, /^containerd_cri_container_create_seconds_count 1$/m);
    assert.match(text, /^berth_strays_total\{kind="pod"\} 1$/m);
    assert.match(text, /^crio_operations_total\{operation="RunPodSandbox"\} 1$/m);
  });

  test("an address that is taken is told with its setting, pods are served, and it is tried again", async () => {
    const { host } = prometheus;
    configure(daemon, `address = "${host}"`);
    await daemon.stop();
    await daemon.launch();
    const told = await eventually("the error", 5000, async () =>
      logLines(daemon).find(({ level, err }) => level === "error" && /metrics\.address/.test(String(err))),
    );
    assert.match(String(told.err), new RegExp(`listening on ${host}: another program has it`));
    await prometheus.close();
    await eventually("metrics", 10_000, async () =>
      fetch(`http://${host}/metrics`).then(
        (answer) => answer.ok || undefined,
        () => undefined,
      ),
    );
  });

  test("a unix socket instead of a port, of mode 0660; it goes with the daemon", async () => {
    const socket = join(daemon.workspace.directory, "metrics.sock");
    configure(daemon, `address = "unix:${socket}"`);
    await daemon.stop();
    await daemon.launch();
    assert.equal(await metricsAddress(daemon), `unix:${socket}`);
    assert.equal(statSync(socket).mode & 0o777, 0o660);
    const curl = ["--silent", "--unix-socket", socket, "http://berth/metrics"];
    assert.match(execFileSync("curl", curl, { encoding: "utf8" }), /^berth_build_info\{version=/m);
    await daemon.stop();
    assert.throws(() => statSync(socket), { code: "ENOENT" });
    await daemon.launch();
  });
});

/** Has it stand still until disposed of. */
function hold({ pid }: TestDaemon): Disposable {
  process.kill(pid, "SIGSTOP");
  return { [Symbol.dispose]: () => void process.kill(pid, "SIGCONT") };
}

function configure(daemon: TestDaemon, setting: string): void {
  const dropIns = join(daemon.workspace.directory, "config.d");
  mkdirSync(dropIns, { recursive: true });
  writeFileSync(join(dropIns, "metrics.toml"), `[metrics]\n${setting}\n`);
}

/** Sizes of an image's layers as the registry has them, the lowest first. */
function sizesOf(reference: string, registry: TestRegistry): number[] {
  const credentials = `${registry.username}:${registry.password}`;
  const raw = execFileSync(
    "skopeo",
    ["inspect", "--raw", `--creds=${credentials}`, "--tls-verify=false", `docker://${reference}`],
    { encoding: "utf8" },
  );
  return (JSON.parse(raw) as { layers: { size: number }[] }).layers.map(({ size }) => size);
}

import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { Logger } from "pino";
import type { ApiParts } from "../api/parts.ts";
import { createApiServer } from "../api/server.ts";
import { describeFault } from "../base/fault.ts";
import { version } from "../base/version.ts";
import { type Paths, pathsOf } from "../config/paths.ts";
import type { Config } from "../config/schema.ts";
import { recoverContainers } from "../container/recover.ts";
import type { LostImage } from "../image/recover.ts";
import { systemFault } from "../linux/libc.ts";
import { lockFile } from "../linux/lock-file.ts";
import { recoverPodSandboxes } from "../pod/recover.ts";
import type { GrpcServer } from "../wire/grpc/server.ts";
import { apiParts } from "./api-parts.ts";
import { watchClock } from "./clock-watch.ts";
import { watchExits } from "./exits.ts";
import { releaseWhenResting } from "./idle-memory.ts";
import type { Metrics } from "./metrics/open.ts";
import type { NodeParts } from "./node-parts.ts";
import { nobodyWatches } from "./node-watch.ts";
import { nriNode } from "./nri-node.ts";
import { registryRules } from "./open-registry.ts";
import { openNode } from "./plugins.ts";
import type { Service } from "./service.ts";
import { sweepStrays } from "./sweep.ts";

/** How long opening a database may take, a damaged one that is read row by row among them. */
const OPEN_MS = 300_000;
/** How long images may take to be put in line with what a kill or a reboot left. */
const IMAGE_RECOVERY_MS = 120_000;
/** For what has no deadline beside it. */
const SPARE_MS = 30_000;
/** How long calls in flight may go on when the daemon ends. */
const STOP_GRACE_MS = 2_000;
/** As for a remote snapshotter that starts after berth, or a pool that is made then. */
const RETRY_MS = 10_000;
/** The sweep's pause: strays come only from what went wrong. */
const SWEEP_EVERY_MS = 600_000;

/** Disposing of it ends the daemon again, in reverse; containers run on. */
export interface RunningDaemon extends AsyncDisposable {
  /** Takes over what can change while it runs. */
  change(config: Config): Promise<void>;
  /** What it does, for a person. */
  status(): string;
}

/** The start as one story. @param service hears how far it has come */
export async function startDaemon(
  config: Config,
  log: Logger,
  service: Pick<Service, "starting">,
): Promise<RunningDaemon> {
  await using opened = new AsyncDisposableStack();
  const began = performance.now();
  const paths = pathsOf(config);
  await makeDirectories(config, paths);
  opened.use(lockFile(paths.lock)); // one daemon for each root

  service.starting("reads its records", OPEN_MS);
  const metrics = await openMetricsIfWanted(config);
  const node = opened.use(await openNode(config, paths, metrics?.watch ?? nobodyWatches, log));
  if (metrics !== undefined) opened.use(metrics.serve(node));
  for (const row of node.metadata.setAside) log.error(row, "a damaged record was set aside");

  service.starting("compares its images with the disk", IMAGE_RECOVERY_MS + SPARE_MS);
  const dropped = await node.images.recover(AbortSignal.timeout(IMAGE_RECOVERY_MS));
  opened.use(watchExits(node));

  // Each object is recovered on its own, beside the API: a call for one that is in work waits for its lock.
  const ending = new AbortController();
  const recovered = recover(node, ending.signal, log);
  opened.use(await node.nri.start(nriNode(node))); // before pods: those that are launched shall miss none
  const parts = apiParts(node);
  const server = createApiServer(parts);
  const notice = await server.listen();
  if (notice !== undefined) log.warn(notice);
  opened.defer(() => server.stop(STOP_GRACE_MS));
  opened.defer(() => ending.abort());
  if (config.kubelet.cadvisor === "crio") opened.use(await serveAsCrio(parts, server));
  log.info({ socket: paths.socket, ms: performance.now() - began }, "berth serves");

  const sweeping = setInterval(() => void sweep(node, ending.signal, log), SWEEP_EVERY_MS);
  sweeping.unref();
  opened.defer(() => clearInterval(sweeping));
  opened.use(retryWhatFailed(node, ending.signal, log));
  void recovered.then(() => pullAgain(dropped, node, ending.signal));
  warmNamespaces(node, log);
  void loadApparmorProfile(node, log);
  opened.use(releaseWhenResting());
  opened.use(watchClock(log));
  const all = opened.move();
  return {
    async change(changed) {
      node.registry.change(registryRules(changed, node.host.processes));
      await node.images.pin(changed.image.pinned);
      node.apparmor.change(changed.apparmor);
      await loadApparmorProfile(node, log);
    },
    status: () => statusOf(node),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

function statusOf({ podSandboxes, containers, paths }: NodeParts): string {
  const count = (records: Iterable<{ state: { kind: string } }>, kind: string) =>
    Iterator.from(records).reduce((sum, { state }) => sum + (state.kind === kind ? 1 : 0), 0);
  const pods = count(podSandboxes.list(), "ready");
  const running = count(containers.list(), "running");
  return `berth ${version} serves ${paths.socket}: ${pods} ${pods === 1 ? "pod" : "pods"} ready, ${running} ${running === 1 ? "container" : "containers"} running`;
}

/** Without them, nothing of what they need is loaded: it takes memory. */
async function openMetricsIfWanted(config: Config): Promise<Metrics | undefined> {
  return config.metrics.address === "" ? undefined : (await import("./metrics/open.ts")).openMetrics(config);
}

/** Loaded only where it is asked for. */
async function serveAsCrio(parts: ApiParts, server: GrpcServer): Promise<AsyncDisposable> {
  await mkdir(dirname(parts.node.facts.config.kubelet.crioSocket), { recursive: true, mode: 0o711 });
  return (await import("../api/crio/server.ts")).serveAsCrio(parts, server);
}

/** Starts the host thread, so that the first pods need not wait for it. */
function warmNamespaces({ host }: NodeParts, log: Logger): void {
  host.namespaces.readWithin("/proc/self/ns/net", []).catch((error: unknown) => {
    log.warn({ err: describeFault(error) }, "the thread that makes namespaces does not answer");
  });
}

/** At the start beside the first calls: a container that needs the profile waits for it. Never throws. */
async function loadApparmorProfile({ apparmor }: NodeParts, log: Logger): Promise<void> {
  try {
    await apparmor.prepare();
    const report = await apparmor.report();
    if (apparmor.obstacle !== undefined || report.problem === undefined) log.debug(report, "AppArmor");
    else log.warn(report, "containers that ask for no AppArmor profile run without one");
  } catch (error) {
    log.error({ err: describeFault(error) }, "containers can't have the default AppArmor profile");
  }
}

/** Directories that others may pass through but not list: rootless processes in containers look up mounts in them. */
async function makeDirectories(config: Config, paths: Paths): Promise<void> {
  const closed = [config.root, paths.checkpoints];
  const passable = [config.state, dirname(paths.socket), paths.pods, paths.containers, paths.exits];
  try {
    for (const directory of closed) await mkdir(directory, { recursive: true, mode: 0o700 });
    for (const directory of passable) await mkdir(directory, { recursive: true, mode: 0o711 });
  } catch (error) {
    throw systemFault("making the daemon's directories", error);
  }
}

async function recover(node: NodeParts, signal: AbortSignal, log: Logger): Promise<void> {
  await recoverContainers(node.containerParts);
  await recoverPodSandboxes(node.podParts);
  await sweep(node, signal, log);
}

/** Pulls what a reboot or a change of the settings cost, where that needs no credential; else the kubelet does, which has it. */
async function pullAgain(dropped: readonly LostImage[], node: NodeParts, signal: AbortSignal): Promise<void> {
  const wanted = dropped.flatMap(({ record: { tags, digests }, snapshotter }) =>
    (tags.length > 0 ? tags : digests.slice(0, 1)).map((reference) => ({ reference, snapshotter })),
  );
  for (const { reference, snapshotter } of wanted) {
    if (signal.aborted) return;
    await node.images.pull(reference, { snapshotter }, signal).then(
      () => node.log.info({ image: reference }, "pulled again what was dropped"),
      (error: unknown) =>
        node.log.info({ image: reference, err: error }, "could not be pulled again without a credential"),
    );
  }
}

/** Tries the database, snapshotters and handlers again that could not work; what was left in a snapshotter is put right when it works. */
function retryWhatFailed(node: NodeParts, signal: AbortSignal, log: Logger): Disposable {
  let isTrying = false;
  const retry = async () => {
    await node.metadata.retry();
    await node.runtime.retry();
    if (!(await node.snapshotters.retry()) || signal.aborted) return;
    const dropped = await node.images.recover(signal);
    await pullAgain(dropped, node, signal);
  };
  const timer = setInterval(() => {
    if (isTrying) return; // one that hangs takes longer than from one time to the next
    isTrying = true;
    retry()
      .catch((error: unknown) => {
        log.error({ err: describeFault(error) }, "trying snapshotters and runtime handlers again failed");
      })
      .finally(() => {
        isTrying = false;
      });
  }, RETRY_MS);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

async function sweep(node: NodeParts, signal: AbortSignal, log: Logger): Promise<void> {
  const began = performance.now();
  try {
    await sweepStrays(node, signal);
    node.watch.swept(performance.now() - began, true);
  } catch (error) {
    node.watch.swept(performance.now() - began, false);
    if (!signal.aborted)
      log.error({ err: describeFault(error) }, "the sweep for strays did not come to its end");
  }
}

import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { describeFault } from "../../base/fault.ts";
import { version } from "../../base/version.ts";
import { type ListenAddress, parseListenAddress } from "../../config/listen-address.ts";
import type { Config } from "../../config/schema.ts";
import type { Family } from "../../metrics/family.ts";
import { Gauge } from "../../metrics/gauge.ts";
import { familiesOf, newInstruments } from "../../metrics/instruments.ts";
import { peerFamilies } from "../../metrics/peers.ts";
import { ProcessFigures } from "../../metrics/process-figures.ts";
import { formatFamilies, textFormatType } from "../../metrics/text-format.ts";
import { serveText, type TextServer, type TextServerOptions } from "../../wire/http/text-server.ts";
import type { NodeParts } from "../node-parts.ts";
import type { NodeWatch } from "../node-watch.ts";
import { nodeCounts } from "./node-counts.ts";
import { PullMeter } from "./pull-meter.ts";
import { watchLifecycles } from "./timelines.ts";
import { watchWith } from "./watch.ts";

const setting = "metrics.address";
/** Until an address that could not be had is tried again. */
const retryMs = 2_000;

/** The daemon's metrics: what watches the node as it is built, and what shows the figures once it is. */
export interface Metrics {
  readonly watch: NodeWatch;
  /** Answers scrapes until disposed of. */
  serve(node: NodeParts): AsyncDisposable;
}

/** Loaded only where metrics are asked for. */
export function openMetrics(config: Pick<Config, "metrics" | "grpc">): Metrics {
  const instruments = newInstruments();
  const pulls = new PullMeter(instruments);
  const own = [
    new Gauge({ name: "berth_build_info", help: "Always 1.", labels: ["version", "node"] }, () => [
      [1, version, process.version],
    ]),
    ...familiesOf(instruments),
    new Gauge({ name: "berth_image_pulls_in_progress", help: "Pulls that are in flight." }, () => [
      [pulls.inFlight],
    ]),
  ];
  const peers = new Set(config.metrics.peerNames);
  const ofPeers = [...peers].flatMap((peer) => peerFamilies(peer, instruments, () => pulls.inFlight));
  return {
    watch: watchWith(instruments, pulls),
    serve(node) {
      const opened = new AsyncDisposableStack();
      opened.use(watchLifecycles(node, instruments));
      const figures = opened.use(new ProcessFigures());
      const families = [...own, ...nodeCounts(node), ...figures.families, ...ofPeers];
      opened.use(serveFamilies(families, config, node));
      return opened;
    },
  };
}

/** Pods come first: a daemon whose address is taken goes on, says so, and tries again until it gets it. */
function serveFamilies(
  families: readonly Family[],
  { metrics, grpc }: Pick<Config, "metrics" | "grpc">,
  { log }: { readonly log: Logger },
): AsyncDisposable {
  const options: TextServerOptions = {
    address: parseListenAddress(metrics.address) as ListenAddress, // checked with the other settings
    setting,
    group: grpc.group,
    path: "/metrics",
    contentType: textFormatType,
    text: () =>
      formatFamilies(families, ({ name }, error) =>
        log.warn({ metric: name, err: describeFault(error) }, "a metric can't be read"),
      ),
  };
  const ending = new AbortController();
  const serving = serveOnceFree(options, log, ending.signal);
  return {
    async [Symbol.asyncDispose]() {
      ending.abort();
      await (await serving)?.close();
    },
  };
}

/** Undefined when `signal` aborted first. */
async function serveOnceFree(
  options: TextServerOptions,
  log: Logger,
  signal: AbortSignal,
): Promise<TextServer | undefined> {
  for (let told = ""; !signal.aborted; ) {
    try {
      const server = await serveText(options);
      log.info({ address: server.at }, "metrics are served");
      return server;
    } catch (error) {
      const why = describeFault(error);
      if (why !== told)
        log.error({ err: why }, "metrics can't be served yet; trying again in the background");
      told = why;
    }
    await sleep(retryMs, undefined, { signal, ref: false }).catch(() => undefined);
  }
  return undefined;
}

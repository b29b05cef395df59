import { mkdir, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { dirname } from "node:path";
import type { Logger } from "pino";
import { describeFault } from "../base/fault.ts";
import type { Paths } from "../config/paths.ts";
import type { Config } from "../config/schema.ts";
import { listenOnSocket } from "../wire/listen.ts";
import type { NriNode, NriObserver, NriPlugins } from "./contract.ts";
import { endLaunched, findPrograms } from "./launch.ts";
import type { LaunchedPrograms } from "./launched-programs.ts";
import type { PluginSet } from "./plugins.ts";

interface Parts {
  readonly paths: Pick<Paths, "launchedPlugins">;
  readonly version: string;
  readonly observer: NriObserver | undefined;
  readonly log: Logger;
}

/** The node's plugins, before and while there are any. */
export interface NodeNri {
  readonly plugins: NriPlugins;
  /**
   * Launches the plugins of the directory, and waits until they take part or have failed; then others may connect. Never throws: pods
   * run without plugins, too.
   */
  start(node: NriNode): Promise<AsyncDisposable>;
}

/** All that plugins need is loaded with the first of them: it takes memory. */
export function openNri(settings: Config["nri"], parts: Parts): NodeNri {
  let loaded: PluginSet | undefined;
  let programs: LaunchedPrograms | undefined;
  const { validator } = settings;
  const load = async (node: NriNode): Promise<PluginSet> => {
    const { PluginSet } = await import("./plugins.ts");
    loaded ??= new PluginSet({ settings, node, ...parts });
    return loaded;
  };
  return {
    plugins: {
      get isIdle() {
        return loaded === undefined || (loaded.isEmpty && !validator.enable);
      },
      podEvent: async (event, pod, signal) => loaded?.podEvent(event, pod, signal),
      updatePodSandbox: async (pod, resources, signal) => loaded?.updatePodSandbox(pod, resources, signal),
      createContainer: async (subject, signal) => loaded?.createContainer(subject, signal),
      containerEvent: async (event, subject, signal) => loaded?.containerEvent(event, subject, signal),
      updateContainer: async (subject, resources, signal) =>
        loaded?.updateContainer(subject, resources, signal),
      containerStopped: (id, subject) => loaded?.containerStopped(id, subject),
      containerRemoved: async (id, signal) => loaded?.containerRemoved(id, signal),
      reports() {
        const reports = loaded?.reports() ?? [];
        return programs?.told(reports) ?? reports;
      },
    },
    async start(node) {
      await using opened = new AsyncDisposableStack();
      const { log, paths } = parts;
      const endAll = () =>
        endLaunched(paths.launchedPlugins).catch((error: unknown) => {
          log.error({ err: describeFault(error) }, "NRI plugins that were launched could not be ended");
        });
      await endAll(); // those of an earlier daemon
      if (settings.disable) return opened.move();
      opened.defer(async () => {
        await Promise.all([programs?.stop(), loaded?.shutDown()]);
        await endAll();
      });
      const found = await findPrograms(settings.pluginPath, log);
      if (found.length > 0 || validator.enable) {
        const plugins = await load(node);
        const { LaunchedPrograms } = await import("./launched-programs.ts");
        programs = new LaunchedPrograms({
          settings,
          ...parts,
          admit: (...plugin) => plugins.admit(...plugin),
        });
        await programs.launchAll(found);
      }
      if (!settings.disableConnections)
        opened.use(
          await listen(settings.socketPath, log, async (socket) => (await load(node)).admit(socket)),
        );
      return opened.move();
    },
  };
}

async function listen(
  socketPath: string,
  log: Logger,
  accept: (socket: Socket) => Promise<void>,
): Promise<AsyncDisposable> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined); // until somebody listens to it
    void accept(socket);
  });
  try {
    await mkdir(dirname(socketPath), { recursive: true, mode: 0o700 });
    await listenOnSocket(server, socketPath, "nri.socketPath", "");
  } catch (error) {
    log.error({ err: describeFault(error) }, "NRI plugins can't connect");
    return { [Symbol.asyncDispose]: async () => undefined };
  }
  return {
    async [Symbol.asyncDispose]() {
      server.close();
      await rm(socketPath, { force: true });
    },
  };
}

import type { Logger } from "pino";
import { describeFault, Fault } from "../base/fault.ts";
import type { ContainerId } from "../base/ids.ts";
import type { Paths } from "../config/paths.ts";
import type { Config } from "../config/schema.ts";
import type { ContainerBook } from "../container/parts.ts";
import { createSpecBuilder } from "../container/spec/builder.ts";
import { readHostFacts } from "../container/spec/host.ts";
import { applyRdtFile } from "../container/spec/rdt/rdt-groups.ts";
import type { Apparmor, Cgroups, FileLabels, Processes } from "../linux/contract.ts";
import { scopesHaveOomPolicy } from "../linux/systemd-units.ts";
import type { ContainerRuntime } from "../runtime/contract.ts";
import type { CdiDirectories } from "../spec/cdi/directories.ts";
import type { HookDirectories } from "../spec/hooks/directories.ts";

/** The builder of OCI configs, with what it asks of this node: its runtimes, its running containers. */
export async function openSpecBuilder(
  config: Config,
  parts: {
    cgroups: Cgroups;
    processes: Processes;
    labels: FileLabels;
    apparmor: Apparmor;
    runtime: ContainerRuntime;
    cdi: CdiDirectories;
    hooks: HookDirectories;
    paths: Pick<Paths, "seccompSocket">;
    log: Logger;
    containers: ContainerBook;
  },
): Promise<ReturnType<typeof createSpecBuilder>> {
  const { runtime, containers } = parts;
  await applyRdtClasses(config, parts.log);
  const isSystemd = config.cgroup.driver === "systemd";
  const oomPolicy = isSystemd && (await scopesHaveOomPolicy(parts.processes, config.runtime.path));
  return createSpecBuilder({
    config,
    cdi: parts.cdi,
    seccompSocket: parts.paths.seccompSocket,
    hooks: toldHooks(parts.hooks, parts.log),
    labels: parts.labels,
    apparmor: parts.apparmor,
    host: await readHostFacts(parts.cgroups, oomPolicy),
    features: (handler) => {
      const probe = runtime.probes().find((one) => one.handler === handler);
      return {
        recursiveReadOnly: probe?.features.recursiveReadOnly ?? false,
        networkDevices: probe?.features.networkDevices ?? false,
        limitsInScope: probe?.version.startsWith("runc ") ?? false,
      };
    },
    initOf(id, podId) {
      const record = containers.records.get(id as ContainerId);
      if (record === undefined || record.podId !== podId) {
        throw new Fault(
          "invalid",
          `security_context.namespace_options.target_id: pod ${podId} has no container ${id}`,
        );
      }
      if (record.state.kind !== "running") {
        throw new Fault(
          "wrongState",
          `the PID namespace of container ${id} can't be used: it is ${record.state.kind}`,
        );
      }
      const { process } = record.state;
      if (runtime.alive(process.init)) return process.init.pid;
      throw new Fault("wrongState", `the PID namespace of container ${id} can't be used: it has just ended`);
    },
  });
}

/** The hooks of files; which of them can't be used is told in the log, once as long as that doesn't change. */
function toldHooks(hooks: HookDirectories, log: Logger): Pick<HookDirectories, "read"> {
  let told = "";
  return {
    async read() {
      const state = await hooks.read();
      const now = JSON.stringify(state.problems);
      if (now !== told)
        for (const { path, why } of state.problems)
          log.warn({ file: path, err: why }, "a hook file is not used");
      told = now;
      return state;
    },
  };
}

/** What everything has that is in no class is said in the file, too: it is not put off until a container has one. */
async function applyRdtClasses({ rdt: { file } }: Pick<Config, "rdt">, log: Logger): Promise<void> {
  if (file === "") return;
  await applyRdtFile(file).catch((error: unknown) =>
    log.error({ err: describeFault(error) }, "containers with an RDT class can't be made"),
  );
}

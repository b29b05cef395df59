import assert from "node:assert/strict";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ContainerId } from "../../../base/ids.ts";
import { handlerSettings } from "../../../config/handler-settings.ts";
import { mergeLayers } from "../../../config/merge.ts";
import type { Config, RuntimeHandlerConfig } from "../../../config/schema.ts";
import { settings } from "../../../config/settings.ts";
import type { Cgroups } from "../../../linux/contract.ts";
import { HostThread } from "../../../linux/host-thread.ts";
import { hostMounts } from "../../../linux/mounts.ts";
import { hostNamespaces } from "../../../linux/namespaces.ts";
import { fakeApparmor } from "../../../linux/testing/apparmor.ts";
import { CdiDirectories } from "../../../spec/cdi/directories.ts";
import type { ContainerConfig } from "../../../spec/cri/container-config.ts";
import { HookDirectories } from "../../../spec/hooks/directories.ts";
import type { OciConfig } from "../../../spec/oci-runtime.ts";
import type { ContainerPod } from "../../pod.ts";
import type { ContainerRecord } from "../../state.ts";
import { createSpecBuilder, type SpecParts } from "../builder.ts";
import { readHostFacts } from "../host.ts";
import type { HostFacts } from "../input.ts";
import { exampleConfig, exampleImage, examplePod } from "./example.ts";
import { type OciRun, type OciRunResult, prepareOciRun } from "./oci-run.ts";

/** This host's cgroups, as far as reading its facts needs them. */
const cgroups: Pick<Cgroups, "version" | "directories"> = {
  version: readdirSync("/sys/fs/cgroup").includes("cgroup.controllers") ? 2 : 1,
  directories() {
    if (cgroups.version === 2) return new Map([["", "/sys/fs/cgroup"]]);
    const controllers = readdirSync("/sys/fs/cgroup").filter((name) => name !== "unified");
    return new Map(controllers.map((name) => [name, `/sys/fs/cgroup/${name}`]));
  },
};

/** A pod with pinned namespaces and files on this host, and containers that really run in it. */
export interface PodRun extends AsyncDisposable {
  readonly facts: HostFacts;
  readonly pod: ContainerPod;
  readonly privilegedPod: ContainerPod;
  readonly rootfs: string;
  /** A path in the run's own temporary directory. */
  at(...path: string[]): string;
  build(config: ContainerConfig, inPod?: ContainerPod): Promise<OciConfig>;
  /** Runs a shell script as the container's process. */
  sh(script: string, config?: ContainerConfig, inPod?: ContainerPod): Promise<OciRunResult>;
  /** Asserts that the script ends well and what it writes. */
  says(script: string, expected: string, config?: ContainerConfig, inPod?: ContainerPod): Promise<void>;
}

/** Settings that differ from those of the run. */
export interface ChangedSettings {
  readonly container?: Partial<Config["container"]>;
  readonly handler?: Partial<RuntimeHandlerConfig>;
  readonly blockio?: Config["blockio"];
}

/**
 * Makes the pod; all of it is taken away again on disposal.
 *
 * @param changed called once there is a directory
 */
export async function startPodRun(
  runtime: string,
  changed: (at: PodRun["at"]) => ChangedSettings = () => ({}),
): Promise<PodRun> {
  const host = prepareOciRun(runtime);
  const at = (...path: string[]) => join(host.directory, ...path);
  const thread = new HostThread(1000);
  const namespaces = hostNamespaces(thread, hostMounts());
  const request = { directory: at("ns"), kinds: ["net", "ipc", "uts"], hostname: "pod-host" } as const;
  await namespaces.pin({ ...request, sysctls: {} });
  const facts = await readHostFacts(cgroups, false);
  const pod = makePod(host, runtime);
  const { security } = pod.config;
  const builder = createSpecBuilder(specParts(runtime, facts, at, changed(at)));
  let count = 0;
  const run: PodRun = {
    facts,
    pod,
    privilegedPod: { ...pod, config: { ...pod.config, security: { ...security, privileged: true } } },
    rootfs: host.rootfs,
    at,
    async build(config, inPod = pod) {
      const id = (++count).toString(16).padStart(64, "0") as ContainerId;
      const record = { id, config, handler: runtime } as ContainerRecord;
      const image = { ...exampleImage, config: { ...exampleImage.config, Entrypoint: [], Cmd: [] } };
      const images = config.mounts.flatMap(({ image }, index) => (image === undefined ? [] : [index]));
      const imageVolumes = new Map(images.map((index) => [index, at("image", `${index}`)]));
      const request = {
        record,
        pod: inPod,
        image,
        rootfs: host.rootfs,
        imageVolumes,
        declaredVolumes: new Map(),
      };
      return (await builder.build(request)).config;
    },
    async sh(script, config = exampleConfig, inPod = pod) {
      const built = await run.build({ ...config, command: ["sh", "-c", script] }, inPod);
      return host.run(built, `${runtime}-${count}`);
    },
    async says(script, expected, config, inPod) {
      const { code, output } = await run.sh(script, config, inPod);
      assert.deepEqual({ code, output: output.trim() }, { code: 0, output: expected });
    },
    async [Symbol.asyncDispose]() {
      await namespaces.unpin(at("ns"));
      await thread[Symbol.asyncDispose]();
      host[Symbol.dispose]();
    },
  };
  return run;
}

function makePod({ directory, cgroup }: OciRun, handler: string): ContainerPod {
  const file = (name: string, text: string) => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };
  const namespaces = join(directory, "ns");
  mkdirSync(join(directory, "shm"));
  return {
    ...examplePod,
    refuses: undefined,
    handler,
    monitorCgroup: "",
    namespaces: {
      network: join(namespaces, "net"),
      ipc: join(namespaces, "ipc"),
      uts: join(namespaces, "uts"),
    },
    files: {
      hostname: file("hostname", "pod-host\n"),
      hosts: file("hosts", "127.0.0.1 localhost\n"),
      resolvConf: file("resolv.conf", "nameserver 192.0.2.1\n"),
      shm: join(directory, "shm"),
    },
    cgroup,
  };
}

function specParts(runtime: string, host: HostFacts, at: PodRun["at"], changed: ChangedSettings): SpecParts {
  const defaults = mergeLayers(settings, []).config;
  const capabilities = ["CHOWN", "DAC_OVERRIDE", "SETUID", "SETGID", "NET_RAW", "MKNOD", "SYS_CHROOT"];
  return {
    config: {
      ...defaults,
      container: {
        ...defaults.container,
        rlimits: [{ type: "RLIMIT_NOFILE", soft: 1024, hard: 1_048_576 }],
        capabilities,
        pidsLimit: 100,
        ...changed.container,
      },
      ...(changed.blockio === undefined ? {} : { blockio: changed.blockio }),
      runtime: {
        ...defaults.runtime,
        handlers: { [runtime]: { ...handlerSettings({}, runtime), ...changed.handler } },
      },
    },
    host,
    cdi: new CdiDirectories([at("cdi")]),
    hooks: new HookDirectories([at("hooks"), at("stronger-hooks")]),
    labels: { relabel: async () => undefined },
    apparmor: fakeApparmor([], { obstacle: "this pod has none" }),
    seccompSocket: at("seccomp.sock"),
    features: () => ({ recursiveReadOnly: true, networkDevices: false, limitsInScope: false }),
    initOf: () => process.pid,
  };
}

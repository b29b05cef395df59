import { NamespaceMode } from "../../src/wire/gen/runtime.v1.ts";
import type { TestDaemon } from "./daemon.ts";
import { type MadePod, runContainer, shellConfig } from "./pods.ts";

/** A container that `kubectl debug` adds to a pod, as far as it matters here. */
export interface EphemeralContainer {
  readonly name: string;
  readonly image: string;
  readonly targetContainerName?: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly stdin?: boolean;
  readonly tty?: boolean;
}

/** Runs it as a kubelet does: among the processes of its target. @returns its id */
export async function runEphemeral(
  daemon: TestDaemon,
  {
    pod,
    containers,
  }: { readonly pod: MadePod; readonly containers: Readonly<Record<string, { readonly id: string }>> },
  wanted: EphemeralContainer,
): Promise<string> {
  const {
    name,
    image,
    targetContainerName = "",
    command = [],
    args = [],
    stdin = false,
    tty = false,
  } = wanted;
  const target = containers[targetContainerName];
  const namespaceOptions = {
    network: NamespaceMode.POD,
    ipc: NamespaceMode.POD,
    pid: target === undefined ? NamespaceMode.CONTAINER : NamespaceMode.TARGET,
    targetId: target?.id ?? "",
  };
  const overrides = { stdin, tty, args: [...args], linux: { securityContext: { namespaceOptions } } };
  return await runContainer(daemon, pod, {
    ...shellConfig(name, image, "", overrides),
    command: [...command],
  });
}

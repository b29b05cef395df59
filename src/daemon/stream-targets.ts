import { copyFiles } from "../container/copy.ts";
import { attach, execStream } from "../container/streams.ts";
import { Copies } from "../copy/copies.ts";
import { connectToPod } from "../pod/connect.ts";
import type { StreamTargets } from "../stream/contract.ts";
import type { NodeParts } from "./node-parts.ts";

/** What the streaming server connects its clients to. */
export function streamTargets(
  { containers, podSandboxes }: Pick<NodeParts, "containers" | "podSandboxes">,
  { containerParts, podParts }: Pick<NodeParts, "containerParts" | "podParts">,
): StreamTargets {
  const copies = new Copies();
  return {
    exec: (id, command, wanted, signal) =>
      execStream(containers.get(id), command, wanted, containerParts, signal),
    attach: (id, wanted, signal) => attach(containers.get(id), wanted, containerParts, signal),
    copy: (id, call) => copyFiles(containers.get(id), call, containerParts, copies),
    connect: (id, port) => connectToPod(podSandboxes.get(id), port, podParts),
  };
}

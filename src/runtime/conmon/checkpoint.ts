import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { throwIfEnded } from "../../base/deadline.ts";
import { Fault } from "../../base/fault.ts";
import type { ContainerId } from "../../base/ids.ts";
import type { Ms } from "../../base/units.ts";
import { processesBy } from "../../linux/process-args.ts";
import type { CheckpointRequest } from "../contract.ts";
import type { RuntimeHost } from "../host.ts";
import { criuErrorsIn } from "./criu.ts";
import type { Handler } from "./handlers.ts";
import { callRuntime, runtimeFault } from "./runtime-command.ts";

/** What CRIU names its log in the work directory that a runtime gives it. */
const dumpLog = "dump.log";

/**
 * Has the runtime dump a container's processes by CRIU; they live on afterwards. Nothing ends it before its end: a CRIU
 * that is killed leaves the processes with its own code in them.
 *
 * @throws {Fault} internal with what the runtime and CRIU said
 */
export async function checkpoint(
  { id, images, work }: CheckpointRequest,
  handler: Handler,
  host: RuntimeHost,
): Promise<void> {
  for (const directory of [images, work]) await mkdir(directory, { recursive: true, mode: 0o700 });
  const places = ["--image-path", images, "--work-path", work];
  const args = ["checkpoint", ...places, "--file-locks", "--leave-running", id];
  const finished = await callRuntime(handler, { args }, host, new AbortController().signal);
  if (finished.code === 0) return;
  const failed = runtimeFault(handler, "checkpoint", finished);
  const said = await criuErrorsIn(join(work, dumpLog));
  throw said === "" ? failed : new Fault("internal", `${failed.message}: ${said}`);
}

/** How often it is looked whether a dump has ended. */
const askEvery: Ms = 20;

/** Waits until no runtime is dumping the container: one that an earlier daemon started outlives that. */
export async function checkpointEnded(id: ContainerId, signal: AbortSignal): Promise<void> {
  while (await isDumped(id)) {
    throwIfEnded(signal, `waiting for the end of a checkpoint of container ${id}`);
    await sleep(askEvery);
  }
}

async function isDumped(id: ContainerId): Promise<boolean> {
  const dumping = await processesBy((args) => args.includes("checkpoint") && args.at(-1) === id);
  return dumping.length > 0;
}

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "../../base/fault.ts";
import { RuncCheckpointOptions } from "../../wire/gen/shim-options.v1.ts";
import { criuErrorsIn } from "../conmon/criu.ts";
import type { CheckpointRequest } from "../contract.ts";
import { answered } from "./answered.ts";
import type { ShimParts } from "./parts.ts";
import { shimOf } from "./task-calls.ts";

/** Has the shim dump a container's processes, which live on. @throws {Fault} internal with what runtime and CRIU said */
export async function checkpointByShim(
  { id, images, work }: CheckpointRequest,
  parts: ShimParts,
): Promise<void> {
  for (const directory of [images, work]) await mkdir(directory, { recursive: true, mode: 0o700 });
  const shim = await shimOf(id, parts, new AbortController().signal);
  const none = RuncCheckpointOptions.decode(new Uint8Array());
  const options = RuncCheckpointOptions.encode({ ...none, fileLocks: true, workPath: work }).finish();
  try {
    const any = { typeUrl: "containerd.runc.v1.CheckpointOptions", value: options };
    await answered(shim.calls.checkpoint({ id, path: images, options: any }), shim);
  } catch (error) {
    const said = await criuErrorsIn(join(work, "dump.log"));
    if (said === "" || !(error instanceof Error)) throw error;
    throw new Fault("internal", `${error.message}: ${said}`);
  }
}

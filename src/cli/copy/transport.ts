import { Fault, isFault } from "../../base/fault.ts";
import { BerthService, type CopyFromRequest, type CopyToRequest } from "../../wire/gen/berth.v1.ts";
import type { Runtime } from "../context.ts";
import { printable } from "../output/table.ts";
import { type Piped, runPiped } from "../stream/run-piped.ts";
import { copyFromByTar, copyToByTar } from "./by-tar.ts";

/** Has the runtime give a tar of files of a container. @throws {Fault} with what the runtime says */
export async function copyFrom(
  runtime: Runtime,
  request: CopyFromRequest,
  output: NonNullable<Piped["output"]>,
): Promise<void> {
  const url = await urlOf(runtime.calls(BerthService).copyFrom(request));
  if (url === undefined) await copyFromByTar(runtime, request, output);
  else await piped(url, { output });
}

/**
 * Has the runtime take files of a container from a tar.
 *
 * @param input makes the tar, its first member under another name where one is given
 * @throws {Fault} with what the runtime says
 */
export async function copyTo(
  runtime: Runtime,
  request: CopyToRequest,
  input: (rename?: string) => NonNullable<Piped["input"]>,
): Promise<void> {
  const url = await urlOf(runtime.calls(BerthService).copyTo(request));
  if (url === undefined) await copyToByTar(runtime, request, input);
  else await piped(url, { input: input() });
}

/** Undefined: the runtime is not berth. */
async function urlOf(asked: Promise<{ url: string }>): Promise<string | undefined> {
  try {
    return (await asked).url;
  } catch (error) {
    if (isFault(error, "unimplemented")) return undefined;
    throw error;
  }
}

async function piped(url: string, ends: Piped): Promise<void> {
  const { code, errors } = await runPiped(url, ends);
  for (const line of errors.split("\n")) if (line !== "") process.stderr.write(`berth: ${printable(line)}\n`);
  if (code !== 0) throw new Fault("internal", `the copy ended with ${code}`);
}

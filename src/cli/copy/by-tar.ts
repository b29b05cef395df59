import { Fault } from "../../base/fault.ts";
import { type CopyPath, parseCopyPath } from "../../copy/paths.ts";
import type { CopyFromRequest, CopyToRequest } from "../../wire/gen/berth.v1.ts";
import type { Runtime } from "../context.ts";
import { type Piped, type PipedEnd, runPiped } from "../stream/run-piped.ts";

/*
 * Copies as kubectl does: a tar is run in the container. For runtimes that can't copy by themselves.
 */

const utf8 = (bytes: string) => Buffer.from(bytes, "latin1").toString("utf8");

export async function copyFromByTar(
  runtime: Runtime,
  { containerId, path, followLink }: CopyFromRequest,
  output: NonNullable<Piped["output"]>,
): Promise<void> {
  const { clean, directory, name, meansContents } = parseCopyPath(path);
  const isWhole = meansContents || clean === "";
  const base = `/${utf8(isWhole ? clean : directory)}`;
  const what = isWhole ? "." : utf8(name);
  const cmd = ["tar", "-cf", "-", ...(followLink ? ["-h"] : []), "-C", base, "--", what];
  await runTar(runtime, containerId, cmd, { output });
}

/** @param input makes the tar, with its first member under another name where that is given */
export async function copyToByTar(
  runtime: Runtime,
  { containerId, path, archive, extract }: CopyToRequest,
  input: (rename: string | undefined) => NonNullable<Piped["input"]>,
): Promise<void> {
  const parsed = parseCopyPath(path);
  const isThere = extract || (await isDirectory(runtime, containerId, path));
  if (!isThere && parsed.isDirectory) throw new Fault("notFound", `there is no directory ${path}`);
  const base = `/${utf8(isThere ? parsed.clean : parsed.directory)}`;
  const cmd = ["tar", "-xf", "-", archive ? "-p" : "-o", "-C", base];
  await runTar(runtime, containerId, cmd, { input: input(renamed(parsed, isThere)) });
}

function renamed({ name }: CopyPath, isThere: boolean): string | undefined {
  return isThere ? undefined : name;
}

async function isDirectory(runtime: Runtime, containerId: string, path: string): Promise<boolean> {
  const cmd = ["test", "-d", path];
  return (await runtime.pods.execSync({ containerId, cmd, timeout: 10n })).exitCode === 0;
}

async function runTar(runtime: Runtime, containerId: string, cmd: string[], piped: Piped): Promise<void> {
  const wanted = { stdin: piped.input !== undefined, stdout: piped.output !== undefined, stderr: true };
  let ended: PipedEnd;
  try {
    const { url } = await runtime.pods.exec({ containerId, cmd, tty: false, ...wanted });
    ended = await runPiped(url, piped);
  } catch (error) {
    throw new Fault("unavailable", "running tar in the container", {
      cause: error,
      hint: "this runtime needs a tar in the container to copy; berth needs none",
    });
  }
  if (ended.code === 0) return;
  throw new Fault("internal", `tar in the container: ${ended.errors.trim() || `exit code ${ended.code}`}`);
}

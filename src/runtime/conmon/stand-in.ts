import { closeSync, constants, existsSync, openSync, rmSync, writeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { waitFor } from "../../base/deadline.ts";
import { Fault } from "../../base/fault.ts";
import type { ContainerId } from "../../base/ids.ts";
import { waitOutside } from "../../base/outside-time.ts";
import type { Bytes } from "../../base/units.ts";
import { AT_FDCWD, mknodAt } from "../../linux/files-at.ts";
import { firstLineOf } from "../../linux/pipe.ts";
import { readBundle } from "../bundle.ts";
import type { Handler } from "./handlers.ts";
import { runtimeLog } from "./runtime-log.ts";
import { wordsOf } from "./runtime-words.ts";

/** An exit code is told, on a line. */
const maxTold: Bytes = 64;

/**
 * Whether conmon is given a stand-in for a container: of runsc's containers but the sandbox itself no process is on this host, so
 * that there is none whose exit conmon could wait for (docs/decisions/0411).
 */
export function needsStandIn({ kind }: Handler, bundle: string): boolean {
  return kind === "runsc" && readBundle(bundle)?.annotations?.[typeAnnotation] === "container";
}

const typeAnnotation = "io.kubernetes.cri.container-type";

/** FIFOs in the bundle: written to when the container is to start, and gone from then on; what came of that. */
const fifosOf = (bundle: string) => ({ start: join(bundle, "start"), started: join(bundle, "started") });

/** What a stand-in leaves in the bundle. */
export function standInFiles(bundle: string): readonly string[] {
  return Object.values(fifosOf(bundle));
}

/** True while nobody has had the container's stand-in start it: of its own it has nothing then that could be signalled. */
export function awaitsStart(bundle: string): boolean {
  return existsSync(fifosOf(bundle).start);
}

/** How conmon is told to run the runtime: as a shell that makes the stand-in beside the container. Makes its FIFOs. */
export function standInCommand(id: ContainerId, bundle: string, command: readonly string[]): string[] {
  for (const fifo of standInFiles(bundle)) mknodAt(AT_FDCWD, fifo, constants.S_IFIFO | 0o600, 0n);
  const { start, started } = fifosOf(bundle);
  const script = `runtime() { ${command.map(quoted).join(" ")} "$@"; }
id=${quoted(id)} start=${quoted(start)} started=${quoted(started)}
${standIn}`;
  return ["/bin/sh", "-c", script, "sh"];
}

/**
 * Called as the runtime is, `create --bundle B --pid-file F …`. The stand-in has the container's standard files: with them it has the
 * runtime start it, which passes them into the sandbox; waits until it ends; and ends with its exit code.
 */
const standIn = `exec 3<&0 4<>"$started" 5<>"$start"
{
  exec <&3 3<&-
  read -r _ <&5
  exec 5<&-
  rm "$start"
  runtime start "$id" 4<&-
  code=$?
  echo $code >&4
  exec 4<&-
  [ $code -eq 0 ] || exit 128
  said=$(runtime wait "$id" 2>/dev/null)
  code=\${said##*'"exitStatus":'}
  code=\${code%%[!0-9]*}
  exit "\${code:-255}"
} &
exec 3<&- 4<&- 5<&-
if runtime "$@"; then echo $! >"$5"; else
  code=$?
  kill $!
  exit $code
fi`;

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** Has its stand-in start a container. @throws {Fault} internal with what the runtime said; wrongState when the stand-in is gone */
export async function startByStandIn(
  id: ContainerId,
  bundle: string,
  { binary }: Handler,
  signal: AbortSignal,
): Promise<void> {
  const { start, started } = fifosOf(bundle);
  if (!awaitsStart(bundle)) throw new Fault("wrongState", `container ${id} was started before`);
  rmSync(runtimeLog(bundle), { force: true });
  const told = openSync(started, constants.O_RDONLY | constants.O_NONBLOCK); // ends with the stand-in
  const code = firstLineOf(told, maxTold, signal);
  tell(start);
  const said = await waitOutside(waitFor(code, signal, "waiting for the OCI runtime"));
  if (said === "0") return;
  if (said === "") throw new Fault("wrongState", `container ${id} can't be started: it has ended`);
  const words = wordsOf(await readFile(runtimeLog(bundle), "utf8").catch(() => ""));
  throw new Fault("internal", `${binary} start: ${words || `exit code ${said}`}`);
}

function tell(fifo: string): void {
  const fd = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  try {
    writeSync(fd, "start\n");
  } finally {
    closeSync(fd);
  }
}

import { existsSync } from "node:fs";
import { throwIfEnded } from "../../base/deadline.ts";
import { describeFault } from "../../base/fault.ts";
import type { ContainerId } from "../../base/ids.ts";
import type { Bytes, Ms } from "../../base/units.ts";
import { reapOnceDead } from "../../linux/orphans.ts";
import type { ShimHandler } from "./handler.ts";
import type { KeeperParts } from "./keeper.ts";
import { readMarker } from "./marker.ts";
import { shimArgs, shimEnvironment } from "./start-shim.ts";

const maxOutput: Bytes = 64 << 10;
/** How long the threads of a machine that was killed may take to end: it has memory to give back. */
const deathPatience: Ms = 3_000;

/** Whom a shim's program is to clean up after. */
interface LeftByShim {
  readonly id: ContainerId;
  readonly bundle: string;
}

/** Has the shim's program clean up after a shim that is gone. False when it could not: why is logged. @throws {Fault} as `signal` says */
export async function cleanUp(
  left: LeftByShim,
  handler: ShimHandler | undefined,
  parts: Pick<KeeperParts, "host" | "paths">,
  signal: AbortSignal,
): Promise<boolean> {
  const err = await cleanUpIfThere(left, handler, parts, signal);
  if (err === undefined) return true;
  parts.host.log.warn({ container: left.id, err }, "a shim's program could not clean up after a container");
  return false;
}

/** The same, where there may be nothing to do. @returns why it could not */
export async function cleanUpIfThere(
  { id, bundle }: LeftByShim,
  handler: ShimHandler | undefined,
  { host, paths }: Pick<KeeperParts, "host" | "paths">,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (handler === undefined || !existsSync(bundle)) return undefined;
  // Kata's takes a dead machine that nobody has waited for to be alive, and half a minute to find that it does not answer
  const machine = readMarker(id, paths)?.init;
  if (machine !== undefined) await reapOnceDead(machine.pid, deathPatience);
  const args = [...shimArgs(id, paths), "-bundle", bundle, "delete"];
  const env = { ...shimEnvironment(paths), ...handler.env };
  const ended = await host.processes
    .run({ path: handler.program, args, env, cwd: bundle, maxOutput }, signal)
    .catch((error: unknown) => {
      throwIfEnded(signal, `cleaning up after container ${id}`);
      return { code: 1, stderr: Buffer.from(describeFault(error)) };
    });
  if (ended.code === 0) return undefined;
  return Buffer.from(ended.stderr).toString("utf8").slice(-1000); // why is said last
}

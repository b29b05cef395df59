import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseMountinfo } from "../../linux/mountinfo.ts";
import type { OciMount } from "../../spec/oci-runtime.ts";
import type { HandlerProbe } from "../contract.ts";
import type { Handler } from "./handlers.ts";
import { callRuntime } from "./runtime-command.ts";
import { type Trial, type TrialPlace, tryOut } from "./trial.ts";

/** By the runtime's own word (OCI runtime spec v1.2, features); a crun that is too old for that is tried out. */
export async function featuresOf(
  handler: Handler,
  place: TrialPlace,
  signal: AbortSignal,
): Promise<HandlerProbe["features"]> {
  const answer = await callRuntime(handler, { args: ["features"] }, place.host, signal).catch(
    () => undefined,
  );
  const said = answer?.code === 0 ? parsed(answer.stdout) : undefined;
  if (said === undefined) {
    const recursiveReadOnly =
      handler.kind === "crun" && (await makesRecursiveReadOnly(handler, place, signal));
    return { recursiveReadOnly, networkDevices: false };
  }
  const options = at(said, "mountOptions");
  return {
    recursiveReadOnly: Array.isArray(options) && options.includes("rro"),
    networkDevices: at(said, "linux", "netDevices", "enabled") === true,
  };
}

function makesRecursiveReadOnly(handler: Handler, place: TrialPlace, signal: AbortSignal): Promise<boolean> {
  // a kernel before 5.12 lets it fail
  return tryOut(handler, recursiveReadOnlyTrial, place, signal).catch(() => false);
}

function at(value: unknown, ...path: string[]): unknown {
  let found = value;
  for (const name of path) {
    if (found === null || typeof found !== "object") return undefined;
    found = Object.getOwnPropertyDescriptor(found, name)?.value;
  }
  return found;
}

function parsed(answer: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(answer).toString("utf8"));
  } catch {
    return undefined;
  }
}

/**
 * A mount on a mount, and both bound again, read-only. Only the mount table tells: a crun that does not know the option
 * hands it to the kernel, which passes over it.
 */
const recursiveReadOnlyTrial: Trial<boolean> = {
  mounts: (rootfs): OciMount[] => [
    { destination: "/outer", type: "tmpfs", source: "tmpfs" },
    { destination: "/outer/inner", type: "tmpfs", source: "tmpfs" },
    {
      destination: "/bound",
      type: "bind",
      source: join(rootfs, "outer"),
      options: ["rbind", "rprivate", "rro"],
    },
  ],
  async look(init) {
    if (init === undefined) return false;
    const mounts = parseMountinfo(await readFile(`/proc/${init}/mountinfo`));
    const inner = mounts.find(({ target }) => target === "/bound/inner");
    return inner?.options.split(",").includes("ro") ?? false;
  },
};

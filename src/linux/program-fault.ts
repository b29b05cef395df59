import { basename } from "node:path";
import { Fault } from "../base/fault.ts";
import { errnoOf, systemFault } from "./libc.ts";
import { packageOf } from "./program-package.ts";

/** A program that is not there. For who asked for something else, it is the node that lacks something. */
export class MissingProgram extends Fault {
  /** @param searched the PATH that it is not in, for one that is looked up */
  constructor(program: string, { searched, cause }: { searched?: string; cause?: unknown } = {}) {
    const directories = searched?.split(":").filter((directory) => directory.startsWith("/"));
    const where = directories === undefined ? "" : ` in ${directories.join(":") || "an empty PATH"}`;
    const name = packageOf(basename(program));
    const hint =
      searched === undefined
        ? `${program} is not there, or was made for another system: install it again${name === undefined ? "" : ` (Debian's package ${name})`}, or correct its path in the settings`
        : `there is no ${program}${where}: ${name === undefined ? "install it" : `apt install ${name}`}`;
    super("unavailable", `starting ${program}`, { ...(cause === undefined ? {} : { cause }), hint });
  }
}

/** What the kernel says of a program that it did not start. */
export function programFault(path: string, cause: unknown): Fault {
  return errnoOf(cause) === "ENOENT"
    ? new MissingProgram(path, { cause })
    : systemFault(`starting ${path}`, cause);
}

import { Fault } from "../base/fault.ts";
import { errnoOf, systemFault } from "./libc.ts";

/** A program that could not be started. */
export function programFault(path: string, error: unknown): Fault {
  return errnoOf(error) === "ENOENT" ? missingProgram(path, error) : systemFault(`starting ${path}`, error);
}

/** What a program that is not there means for who asked for something else: it is the node that lacks something. */
export function missingProgram(path: string, cause?: unknown): Fault {
  const hint = `${path} is not there, or was made for another system: install it again, or correct its path in the settings`;
  return new Fault("unavailable", `starting ${path}`, { ...(cause === undefined ? {} : { cause }), hint });
}

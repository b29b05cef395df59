import { join } from "node:path";

/** The berth command of this installation, which shims may run as `<it> -address … publish …` to tell of an event. */
export function publishProgram(): string {
  return join(process.execPath, "../../../../bin/berth");
}

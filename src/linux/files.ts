import type { Files } from "./contract.ts";
import type { HostThread } from "./host-thread.ts";

/** This host's files, changed on `thread`. */
export function hostFiles(thread: HostThread): Files {
  return { change: (changes) => thread.run("change", changes) };
}

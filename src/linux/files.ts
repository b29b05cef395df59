import type { FileLabels, Files } from "./contract.ts";
import type { HostThread } from "./host-thread.ts";

/** This host's files, changed on `thread`. */
export function hostFiles(thread: HostThread): Files {
  return { change: (changes) => thread.run("change", changes) };
}

/** This host's labels, set on `thread`: a large volume holds it for a while. */
export function hostFileLabels(thread: HostThread): FileLabels {
  return { relabel: (path, label) => thread.run("relabel", { path, label }) };
}

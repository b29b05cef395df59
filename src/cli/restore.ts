import { resolve } from "node:path";
import type { Define } from "./context.ts";
import { addManual } from "./help/manual.ts";
import { addConnection } from "./options.ts";
import { addRunFlags, type RunOptions } from "./run-options.ts";
import { makePod, planFromFlags } from "./run-pod.ts";

/** `berth restore`: a pod whose container goes on from the archive of a checkpoint. */
export const defineRestore: Define = (command, context) => {
  addManual(command, {
    description:
      "Makes a pod with a container in it whose processes go on from where they were when " +
      "`berth checkpoint` wrote the archive, and prints the container's id. Its image is pulled if it is " +
      "missing. Flags are those of `berth run`: what the container is to have of the node. What it had " +
      "mounted it must have again, with -v. Restoring runs what the archive says, with the rights that " +
      "its processes had: only restore archives that you trust as you would a program run as root.",
    examples: [
      ["berth restore --name web2 /var/tmp/web.tar", "Go on, as another pod."],
      ["berth restore -v /srv/data:/data /var/tmp/web.tar", "With the mount that it had."],
    ],
  });
  addConnection(command).argument("<archive>", "a file that `berth checkpoint` wrote, or a kubelet's");
  addRunFlags(command).action(async (archive: string, options: RunOptions) => {
    const runtime = await context.connect(command);
    const plan = await planFromFlags(runtime, resolve(archive), [], options);
    const how = { options, start: true, interrupted: context.interrupted() };
    const { containerId } = await makePod(runtime, plan, how);
    process.stdout.write(`${containerId}\n`);
  });
};

import { resolve } from "node:path";
import type { Define } from "./context.ts";
import { findContainer } from "./find.ts";
import { addManual } from "./help/manual.ts";
import { addConnection, parseCount } from "./options.ts";

interface CheckpointOptions {
  readonly export: string;
  readonly timeout?: number;
}

/** `berth checkpoint`: an archive of a running container, which `berth restore` goes on from. */
export const defineCheckpoint: Define = (command, context) => {
  addManual(command, {
    description:
      "Writes an archive of a running container on the runtime's host: the memory of its processes, the " +
      "files that it changed, and what it ran with. The container stands still meanwhile and runs on " +
      "afterwards. `berth restore` makes a container that goes on from there, on this node or another. The " +
      "work is CRIU's: `berth doctor checkpoint` says whether it can. The archive holds all that the " +
      "processes had in memory, secrets too: only its owner may read it.",
    examples: [
      ["berth checkpoint --export /var/tmp/web.tar web", "Write an archive."],
      ["berth restore --name web2 /var/tmp/web.tar", "Go on from it, as another pod."],
    ],
  });
  addConnection(command)
    .argument("<container>", "id, prefix of an id, or name")
    .requiredOption("-e, --export <file>", "the archive to write; nothing may be there")
    .option("-t, --timeout <seconds>", "how long it may take (default: the runtime's)", parseCount)
    .action(async (name: string, options: CheckpointOptions) => {
      const runtime = await context.connect(command);
      const { id: containerId } = await findContainer(runtime, name);
      const location = resolve(options.export);
      const timeout = BigInt(options.timeout ?? 0);
      await runtime.pods.checkpointContainer({ containerId, location, timeout });
      process.stdout.write(`${location}\n`);
    });
};

import type { Define } from "./context.ts";
import { findContainer } from "./find.ts";
import { forEach } from "./for-each.ts";
import { addManual } from "./help/manual.ts";
import { addConnection } from "./options.ts";
import { startContainer } from "./run-pod.ts";

/** `berth start`: starts containers that were created. */
export const defineStart: Define = (command, context) => {
  addManual(command, {
    description:
      "Starts containers that were created (`berth create`). A container that has ended can't be started " +
      "again: make a new one.",
    examples: [["berth start web", "Start the container of a pod that `berth create` made."]],
  });
  addConnection(command)
    .argument("<container...>", "ids, prefixes of ids, or names")
    .action(async (wanted: string[]) => {
      const runtime = await context.connect(command);
      await forEach(wanted, async (name) => {
        const { id } = await findContainer(runtime, name);
        await startContainer(runtime, id, name);
        process.stdout.write(`${name}\n`);
      });
    });
};

import { during } from "../base/fault.ts";
import type { Define } from "./context.ts";
import { programExits } from "./exit-codes.ts";
import { findContainer } from "./find.ts";
import { addManual } from "./help/manual.ts";
import { addConnection } from "./options.ts";
import { runStreamed } from "./stream/run-streamed.ts";

interface AttachOptions {
  readonly stdin?: boolean;
  readonly tty?: boolean;
}

/** `berth attach`: joins the user's terminal with a container's first process. */
export const defineAttach: Define = (command, context) => {
  addManual(command, {
    description:
      "Shows what a container's first process writes from now on and, with --stdin, passes on what is typed, " +
      "where the container takes input. A terminal is left by Ctrl-P Ctrl-Q; what is no terminal by Ctrl-C. The " +
      "container runs on either way.",
    examples: [
      ["berth attach web", "Watch what it writes."],
      ["berth attach -it shell", "Go on in a shell that was started with stdin and a terminal."],
    ],
    exits: programExits,
  });
  addConnection(command)
    .argument("<container>", "id, prefix of an id, or name")
    .option("-i, --stdin", "pass input on to it")
    .option("-t, --tty", "the container has a terminal")
    .action(async (id: string, { stdin = false, tty = false }: AttachOptions) => {
      const runtime = await context.connect(command);
      const container = await findContainer(runtime, id);
      const wanted = { stdin, tty, stdout: true, stderr: !tty };
      try {
        const { url } = await runtime.pods.attach({ containerId: container.id, ...wanted });
        const code = await runStreamed(url, { stdin, tty, canDetach: tty });
        if (code === undefined) process.stderr.write("\r\nberth: detached; the container runs on\n");
        context.exitWith(code ?? 0);
      } catch (error) {
        throw during(`attaching to ${container.metadata?.name ?? id}`, error);
      }
    });
};

import { version } from "../base/version.ts";
import type { Define } from "./context.ts";
import { addManual } from "./help/manual.ts";
import { addConnection, addOutput, type OutputOptions } from "./options.ts";
import { print } from "./output/print.ts";

/** `berth version`: the command's own version and that of the runtime that answers. */
export const defineVersion: Define = (command, context) => {
  addManual(command, {
    description:
      "Shows the versions of the command, of the runtime that answers and of the interface that both " +
      "speak.",
    examples: [["berth version --client", "Only the command's own; no runtime is asked."]],
  });
  addOutput(addConnection(command))
    .option("--client", "only the command's own version")
    .action(async (options: OutputOptions & { readonly client?: boolean }) => {
      const own = { berth: version, node: process.versions.node };
      if (options.client) {
        print(options.output, own, () => `berth ${own.berth} on Node ${own.node}\n`);
        return;
      }
      const runtime = await context.connect(command);
      const answer = await runtime.pods.version({ version: "v1" });
      print(options.output, { command: own, runtime: answer }, () =>
        [
          `command  berth ${own.berth} on Node ${own.node}`,
          `runtime  ${answer.runtimeName} ${answer.runtimeVersion}, CRI ${answer.runtimeApiVersion}`,
          `socket   ${runtime.endpoint}`,
          "",
        ].join("\n"),
      );
    });
};

import { BerthService, type NriPlugin } from "../wire/gen/berth.v1.ts";
import type { Define } from "./context.ts";
import { addManual } from "./help/manual.ts";
import { explainMissing } from "./missing-call.ts";
import { addConnection, addOutput, type OutputOptions } from "./options.ts";
import { print } from "./output/print.ts";
import { table } from "./output/table.ts";
import { ago } from "./output/units.ts";

/** `berth nri`: the plugins of the node resource interface. */
export const defineNri: Define = (command, context) => {
  addManual(command, {
    description:
      "Lists the plugins of the node resource interface (NRI): those that take part, in the order in which they are asked, and " +
      "those that have gone, with why, or wait to be launched again; of those that take part, the last call that failed. What they made of a container is in " +
      "`berth inspect`.\n\n" +
      "This is berth's own call: other runtimes do not have it.",
    examples: [
      ["berth nri", "Who takes part, and how often it was asked."],
      ["berth nri -o json", "With the events that each wants to be told of."],
    ],
  });
  addOutput(addConnection(command)).action(async (options: OutputOptions) => {
    const runtime = await context.connect(command);
    const { nriPlugins } = await runtime
      .calls(BerthService)
      .info({})
      .catch((error: unknown) => {
        throw explainMissing(error, runtime, "Info, which is berth's own", "its log names NRI plugins");
      });
    print(options.output, { plugins: nriPlugins }, () => textOf(nriPlugins));
  });
};

function textOf(plugins: readonly NriPlugin[]): string {
  if (plugins.length === 0) return "no NRI plugin takes part";
  const rows = plugins.map(
    ({ name, kind, pid, state, since, calls, errors, adjusted, problem, lastError }) => [
      name,
      pid === 0 ? kind : `${kind} (${pid})`,
      state,
      ago(since),
      String(calls),
      String(errors),
      String(adjusted),
      problem === "" || problem.includes(lastError) ? problem || lastError : `${problem} (${lastError})`,
    ],
  );
  return table(["PLUGIN", "KIND", "STATE", "SINCE", "CALLS", "ERRORS", "ADJUSTED", "LAST PROBLEM"], rows);
}

import type { StatusResponse } from "../wire/gen/runtime.v1.ts";
import type { Define } from "./context.ts";
import { infoValues } from "./info-values.ts";
import { addConnection, addOutput, type OutputOptions } from "./options.ts";
import { print } from "./output/print.ts";
import { table } from "./output/table.ts";

/** `berth info`: whether the runtime can run pods, and with what. */
export const defineInfo: Define = (command, context) => {
  addOutput(addConnection(command)).action(async (options: OutputOptions) => {
    const runtime = await context.connect(command);
    const answer = await runtime.pods.status({ verbose: true });
    const data = { ...answer, info: infoValues(answer.info) };
    print(options.output, data, () => infoTable(answer));
  });
};

function infoTable(answer: StatusResponse): string {
  const conditions = (answer.status?.conditions ?? []).map((condition) => [
    condition.type,
    condition.status ? "yes" : "no",
    [condition.reason, condition.message].filter((text) => text !== "").join(": "),
  ]);
  const handlers = answer.runtimeHandlers.map((handler) => [
    handler.name === "" ? "(default)" : handler.name,
    handler.features?.recursiveReadOnlyMounts ? "yes" : "no",
    handler.features?.userNamespaces ? "yes" : "no",
  ]);
  return [
    table(["CONDITION", "TRUE", "WHY"], conditions),
    table(["RUNTIME HANDLER", "RECURSIVE READ-ONLY", "USER NAMESPACES"], handlers),
  ].join("\n");
}

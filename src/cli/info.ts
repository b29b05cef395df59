import type { ApparmorReport } from "../linux/contract.ts";
import type { DocumentProblem } from "../spec/document-directories.ts";
import type { StatusResponse } from "../wire/gen/runtime.v1.ts";
import type { Define } from "./context.ts";
import { featureTables, lackingFeatures } from "./feature-tables.ts";
import { addManual } from "./help/manual.ts";
import { infoValues } from "./info-values.ts";
import { addConnection, addOutput, type OutputOptions } from "./options.ts";
import { statusDocument } from "./output/cri-documents.ts";
import { print } from "./output/print.ts";
import { stateCell } from "./output/state.ts";
import { type Cell, table } from "./output/table.ts";
import { toldSnapshotters } from "./told-snapshotters.ts";

/** `berth info`: whether the runtime can run pods, and with what. */
export const defineInfo: Define = (command, context) => {
  addManual(command, {
    description:
      "Shows whether the runtime can run pods and, if not, why; which runtime handlers it has, what pods may " +
      "ask of them, and why not, where berth tells; where unpacked layers are kept. JSON " +
      "and YAML hold all that it tells, as crictl's do.",
    examples: [
      ["berth info", "Conditions and handlers."],
      ["berth info -o yaml", "All of it."],
    ],
  });
  addOutput(addConnection(command))
    .option("-q, --quiet", "without what the runtime adds of its own")
    .action(async (options: OutputOptions & { readonly quiet?: boolean }) => {
      const runtime = await context.connect(command);
      const answer = await runtime.pods.status({ verbose: !options.quiet });
      const values = infoValues(answer.info);
      const document = { ...statusDocument(answer), ...values };
      print(options.output, document, () => infoTable(answer, values));
    });
};

/** What berth tells of files of CDI devices, or of hooks; other runtimes tell nothing of them. */
function fileProblems(told: unknown): string[][] {
  const { problems = [] } = (told ?? {}) as { readonly problems?: readonly DocumentProblem[] };
  return problems.map(({ path, why }) => [path, why]);
}

/** What berth tells of AppArmor; other runtimes tell nothing of it. */
function apparmorRows(told: unknown): (string | Cell)[][] {
  const { profile, problem } = (told ?? {}) as Partial<ApparmorReport>;
  if (profile === undefined || profile === "unconfined") return [];
  return [[profile, stateCell(problem === undefined ? "yes" : "no"), problem ?? ""]];
}

function snapshotterRows(told: unknown): (string | Cell)[][] {
  return toldSnapshotters(told).map(({ name, directory, problem }) => [
    name,
    directory,
    stateCell(problem === undefined ? "yes" : "no"),
    problem ?? "",
  ]);
}

function infoTable(answer: StatusResponse, values: Record<string, unknown>): string {
  const conditions = (answer.status?.conditions ?? []).map((condition) => [
    condition.type,
    stateCell(condition.status ? "yes" : "no"),
    [condition.reason, condition.message].filter((text) => text !== "").join(": "),
  ]);
  const cdi = fileProblems(values.cdi);
  const hooks = fileProblems(values.hooks);
  const lacking = lackingFeatures(values.runtimes).map(({ handler, feature, why }) => [
    handler,
    feature,
    why,
  ]);
  const apparmor = apparmorRows(values.apparmor);
  const snapshotters = snapshotterRows(values.snapshotters);
  return [
    table(["CONDITION", "TRUE", "WHY"], conditions),
    ...featureTables(answer),
    ...(snapshotters.length === 0
      ? []
      : [table(["SNAPSHOTTER", "DIRECTORY", "WORKS", "WHY NOT"], snapshotters)]),
    ...(apparmor.length === 0 ? [] : [table(["APPARMOR PROFILE", "USED", "WHY NOT"], apparmor)]),
    ...(lacking.length === 0 ? [] : [table(["HANDLER", "HAS NO", "WHY"], lacking)]),
    ...(cdi.length === 0 ? [] : [table(["CDI FILE", "NOT USED BECAUSE"], cdi)]),
    ...(hooks.length === 0 ? [] : [table(["HOOK FILE", "NOT USED BECAUSE"], hooks)]),
  ].join("\n");
}

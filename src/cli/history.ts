import { Fault } from "../base/fault.ts";
import { ImageSpec } from "../wire/gen/runtime.v1.ts";
import type { Define } from "./context.ts";
import { addManual } from "./help/manual.ts";
import { type HistoryStep, historySteps } from "./image/history-steps.ts";
import { readImageInfo } from "./image/info.ts";
import { addConnection, addOutput, type OutputOptions } from "./options.ts";
import { print } from "./output/print.ts";
import { table } from "./output/table.ts";
import { ago, shortId, size } from "./output/units.ts";

interface HistoryOptions extends OutputOptions {
  readonly trunc: boolean;
}

/** `berth history`: how an image was made. */
export const defineHistory: Define = (command, context) => {
  addManual(command, {
    description:
      "Shows the steps in which an image was made, the last first, as the image itself tells them; and what each layer takes on " +
      "disk, where the runtime tells that. A step that made no layer has no size.",
    examples: [
      ["berth history registry.example/web:1", "The steps, cut to fit."],
      ["berth history --no-trunc -o json web:1 | jq -r '.history[].createdBy'", "For a script."],
    ],
  });
  addOutput(addConnection(command))
    .argument("<image>", "a name, an id or a prefix of one")
    .option("--no-trunc", "show everything whole")
    .action(async (wanted: string, { output, trunc }: HistoryOptions) => {
      const runtime = await context.connect(command);
      const spec = ImageSpec.create({ image: wanted });
      const { image, info } = await runtime.images.imageStatus({ image: spec, verbose: true });
      if (image === undefined)
        throw new Fault("notFound", `there is no image "${wanted}"`, { hint: "`berth images` lists them" });
      const history = historySteps(readImageInfo(info)).toReversed();
      print(output, { image: image.id, history }, () => historyTable(history, trunc));
    });
};

/** Commands of a build can be very long. */
const shownCommand = 60;

function historyTable(history: readonly HistoryStep[], trunc: boolean): string {
  const rows = history.map(({ layer, created, createdBy, comment, bytes }) => [
    layer === undefined ? "" : trunc ? shortId(layer) : layer,
    created === undefined ? "" : trunc ? agoOf(created) : created,
    trunc && createdBy.length > shownCommand ? `${createdBy.slice(0, shownCommand - 1)}…` : createdBy,
    bytes === undefined ? "" : size(bytes),
    comment,
  ]);
  return table(["LAYER", "CREATED", "CREATED BY", "SIZE", "COMMENT"], rows);
}

/** Reproducible builds say 1970, or nothing that is a date. */
function agoOf(created: string): string {
  const at = Date.parse(created);
  return Number.isNaN(at) || at <= 0 ? created : ago(BigInt(at) * 1_000_000n);
}

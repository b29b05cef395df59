import { Option } from "commander";
import { BerthService, type PruneRequest, type PruneResponse } from "../wire/gen/berth.v1.ts";
import type { Define } from "./context.ts";
import { exitCodes } from "./exit-codes.ts";
import { addManual } from "./help/manual.ts";
import { explainMissing } from "./missing-call.ts";
import { addConnection, addOutput, type OutputOptions, parseDuration, repeated } from "./options.ts";
import { print } from "./output/print.ts";
import { table } from "./output/table.ts";
import { shortId, size } from "./output/units.ts";
import { UsageError } from "./usage-error.ts";

interface PruneOptions extends OutputOptions {
  readonly all?: boolean;
  readonly dryRun?: boolean;
  readonly filter?: string[];
}

/** `berth prune`: removes what nobody uses. */
export const definePrune: Define = (command, context) => {
  addManual(command, {
    description:
      "Removes images that have no tag any more and that no container was made from, and what pulls left that were cut " +
      "off. With --all, tagged images go, too, that no container was made from. Pinned images and those in use stay; " +
      "containers are not touched: `berth rm` removes them. Nothing is asked: --dry-run shows what would go.\n\n" +
      "What comes back of one image is what no other has; what several share comes back with the last of them, so the sum " +
      "may be more than its parts.\n\n" +
      "This is berth's own call: `berth rmi --prune` does the like with other runtimes.",
    examples: [
      ["berth prune --all --dry-run", "What would go, and how many bytes would come back."],
      ["berth prune -a -f until=72h", "Unused images that were pulled more than three days ago."],
      ["berth prune -a -f label=team=shop", "Those with a label."],
    ],
  });
  addOutput(addConnection(command))
    .option("-a, --all", "images with a tag, too")
    .option("--dry-run", "only show what would go")
    .addOption(
      new Option(
        "-f, --filter <condition>",
        "only some images: until=DURATION or until=TIME, pulled before; label=KEY or label=KEY=VALUE (repeatable)",
      ).argParser(repeated),
    )
    .action(async (options: PruneOptions) => {
      const request = {
        dryRun: options.dryRun === true,
        all: options.all === true,
        ...filtersOf(options.filter),
      };
      const runtime = await context.connect(command);
      const pruned = await runtime
        .calls(BerthService)
        .prune(request)
        .catch((error: unknown) => {
          throw explainMissing(
            error,
            runtime,
            "Prune, which is berth's own",
            "`berth rmi --prune` uses the CRI alone",
          );
        });
      print(options.output, pruned, () => textOf(pruned, request.dryRun));
      if (pruned.images.some(({ problem }) => problem !== "")) context.exitWith(exitCodes.failed);
    });
};

/** @throws {UsageError} */
function filtersOf(filters: readonly string[] = []): Pick<PruneRequest, "until" | "labels"> {
  let until = 0n;
  const labels: string[] = [];
  for (const filter of filters) {
    const [name, value] = [filter.split("=", 1)[0], filter.slice(filter.indexOf("=") + 1)];
    if (name === "label" && filter.includes("=")) labels.push(value);
    else if (name === "until" && filter.includes("=")) until = timeOf(value);
    else throw new UsageError(`"${filter}" is not a filter: there are until=TIME and label=KEY[=VALUE]`);
  }
  return { until, labels };
}

/** A duration back from now, a date, or seconds since 1970. */
function timeOf(text: string): bigint {
  const at = /^\d+$/.test(text)
    ? Number(text) * 1000
    : /^\d{4}-/.test(text)
      ? Date.parse(text)
      : Date.now() - parseDuration(text);
  if (!(at > 0))
    throw new UsageError(`"${text}" is neither a duration (24h) nor a time (2026-01-31T12:00:00Z)`);
  return BigInt(Math.round(at)) * 1_000_000n;
}

function textOf({ images, unfinished, bytes }: PruneResponse, dryRun: boolean): string {
  const rows = [
    ...images.map(({ id, names, bytes, problem }) => [
      names[0] ?? "<none>",
      shortId(id),
      size(bytes),
      problem,
    ]),
    ...unfinished.map(({ names }) => [names[0] ?? "<none>", "", "", "a pull that was cut off"]),
  ];
  const total = dryRun ? `${size(bytes)} would come back\n` : `${size(bytes)} came back\n`;
  if (rows.length === 0) return `nothing ${dryRun ? "would go" : "to remove"}\n`;
  return `${table(["IMAGE", "ID", "ALONE", ""], rows)}${total}`;
}

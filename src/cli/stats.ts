import { setTimeout as sleep } from "node:timers/promises";
import { type Command, Option } from "commander";
import type { Ms } from "../base/units.ts";
import type { CommandContext, Define, Runtime } from "./context.ts";
import { addManual } from "./help/manual.ts";
import { addConnection, addOutput, type OutputOptions, parseDuration, repeated } from "./options.ts";
import { LiveText } from "./output/live-text.ts";
import { print } from "./output/print.ts";
import { containerFigures, podFigures } from "./stats/figures.ts";
import { type Sample, sampleContainers, samplePods, type Wanted } from "./stats/sample.ts";
import { containerStatsTable, podStatsTable, type SortBy, sortColumns, sorted } from "./stats/stats-table.ts";

interface StatsOptions extends OutputOptions {
  readonly all?: boolean;
  readonly pods?: boolean;
  readonly id?: string;
  readonly pod?: string;
  readonly label?: string[];
  readonly seconds: Ms;
  readonly sort: SortBy;
  readonly stream: boolean;
  readonly watch?: boolean;
  readonly trunc: boolean;
}

/** `berth stats`: what containers or pods use, again and again on a terminal. */
export const defineStats: Define = (command, context) => {
  addManual(command, {
    description:
      "Shows what running containers use: processors (100 is one core, over the last interval), memory " +
      "(the working set, by which a kubelet evicts) and its limit, and the disk space and inodes of what " +
      "they wrote. With --pods the sums of pods, with their network traffic.\n\n" +
      "On a terminal the table is drawn again and again until Ctrl-C; elsewhere, or with --no-stream, it " +
      "is shown once. JSON and YAML hold one answer of the runtime, whole.",
    examples: [
      ["berth stats", "Watch all containers."],
      ["berth stats --no-stream --sort memory", "Once, from the largest."],
      ["berth stats --pods web", "One pod, with its network."],
      ["berth stats -o json | jq '.stats[].memory.workingSetBytes.value'", "For a script."],
    ],
  });
  define(addConnection(command), context, false);
};

/** `berth statsp`: crictl's name for the figures of pods. */
export const defineStatsp: Define = (command, context) => {
  addManual(command, {
    description: "Shows what pods use: crictl's name for `berth stats --pods`.",
    examples: [["berth statsp -o json", "For a script."]],
  });
  define(addConnection(command), context, true);
};

function define(command: Command, context: CommandContext, pods: boolean): void {
  addOutput(command)
    .argument(
      pods ? "[pod...]" : "[id...]",
      pods ? "pods: ids, prefixes of ids, or names" : "containers or pods: ids, prefixes of ids, or names",
    )
    .option("-a, --all", "also what does not run")
    .option("--label <key=value>", "only what has this label (repeatable)", repeated)
    .addOption(
      new Option("--sort <column>", "what the rows are sorted by").choices(sortColumns).default("name"),
    )
    .addOption(
      new Option("-s, --seconds <duration>", "over how long the use of processors is measured")
        .argParser(parseDuration)
        .default(1000, "1"),
    )
    .option("--no-stream", "show it once")
    .option("-w, --watch", "show it again and again, though this is no terminal")
    .option("--no-trunc", "show ids whole")
    .addOption(new Option("--id <id>", "crictl's way to name one").hideHelp());
  if (!pods) {
    command
      .option("--pods", "of pods, not of their containers")
      .option("-p, --pod <pod>", "only containers of this pod");
  }
  command.action(async (names: string[], options: StatsOptions) => {
    const runtime = await context.connect(command);
    const wanted: Wanted = {
      names: options.id === undefined ? names : [...names, options.id],
      pod: options.pod,
      label: options.label,
      all: options.all === true,
    };
    const isOfPods = pods || options.pods === true;
    if (options.output !== "table") {
      const sample = isOfPods ? samplePods : sampleContainers;
      const { stats } = await sample(runtime, wanted);
      print(options.output, { stats }, () => "");
      return;
    }
    const view = isOfPods ? podView(runtime, wanted, options) : containerView(runtime, wanted, options);
    await show(view, options, context);
  });
}

/** Draws a table by the newest answer and the one before it; the first time there is no earlier one. */
type View = () => Promise<string>;

function containerView(runtime: Runtime, wanted: Wanted, { sort, trunc }: StatsOptions): View {
  return view(
    () => sampleContainers(runtime, wanted),
    (now, before) =>
      containerStatsTable(sorted(containerFigures(now.stats, before?.stats ?? []), sort), now.places, !trunc),
  );
}

function podView(runtime: Runtime, wanted: Wanted, { sort, trunc }: StatsOptions): View {
  return view(
    () => samplePods(runtime, wanted),
    (now, before) =>
      podStatsTable(sorted(podFigures(now.stats, before?.stats ?? []), sort), now.places, !trunc),
  );
}

function view<Stats>(
  take: () => Promise<Sample<Stats>>,
  draw: (now: Sample<Stats>, before: Sample<Stats> | undefined) => string,
): View {
  let before: Sample<Stats> | undefined;
  return async () => {
    const now = await take();
    const text = draw(now, before);
    before = now;
    return text;
  };
}

async function show(view: View, options: StatsOptions, context: CommandContext): Promise<void> {
  const isLive = process.stdout.isTTY && options.stream;
  if (!isLive && !options.watch) {
    await view();
    await sleep(options.seconds);
    process.stdout.write(await view());
    return;
  }
  const interrupted = context.interrupted();
  using live = isLive ? new LiveText(process.stdout) : undefined;
  while (!interrupted.aborted) {
    const text = await view();
    if (live === undefined) process.stdout.write(`${text}\n`);
    else live.draw(text.trimEnd().split("\n"));
    await sleep(options.seconds, undefined, { signal: interrupted }).catch(() => undefined);
  }
}

import { loadConfig } from "../config/load.ts";
import type { Define } from "./context.ts";
import { addManual } from "./help/manual.ts";
import { addOutput, type OutputOptions } from "./options.ts";
import { print } from "./output/print.ts";
import { table } from "./output/table.ts";

/** `berth config show`: every setting, its value, and where that came from. */
export const defineConfig: Define = (command) => {
  addManual(command, {
    description: "Shows what the daemon is set to, and why.",
    examples: [["berth config show", "Every setting, its value, and where that came from."]],
  });
  addOutput(command.command("show"))
    .description("show every setting, its value, and where that came from")
    .option("--config <file>", "configuration file")
    .action((_: unknown, show: { optsWithGlobals(): OutputOptions & { config?: string } }) => {
      const options = show.optsWithGlobals();
      const { config, origins, files } = loadConfig({ config: options.config });
      print(options.output, { config, files, origins: Object.fromEntries(origins) }, () =>
        table(
          ["SETTING", "FROM", "VALUE"],
          flatten(config).map(([key, value]) => [key, origins.get(key) ?? "default", JSON.stringify(value)]),
        ),
      );
    });
};

function flatten(value: object, prefix = ""): [string, unknown][] {
  return Object.entries(value).flatMap(([key, field]): [string, unknown][] => {
    const name = `${prefix}${key}`;
    const isSection = typeof field === "object" && field !== null && !Array.isArray(field);
    return isSection ? flatten(field, `${name}.`) : [[name, field]];
  });
}

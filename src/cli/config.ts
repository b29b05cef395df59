import { readFileSync } from "node:fs";
import { type Command, Option } from "commander";
import { type LoadedConfig, loadConfig } from "../config/load.ts";
import { settingsOf } from "../config/settings-of.ts";
import { configToml } from "./config-toml.ts";
import type { Define } from "./context.ts";
import { addManual } from "./help/manual.ts";
import { type OutputFormat, print } from "./output/print.ts";
import { table } from "./output/table.ts";

interface ShowOptions {
  readonly output: OutputFormat | "toml";
  readonly config?: string;
}

/** `berth config`: what can be set, and what is. */
export const defineConfig: Define = (command) => {
  addManual(command, {
    description: "Shows what can be set, and what the daemon of this node is set to.",
    examples: [
      [
        "berth config default >/etc/berth/config.toml",
        "Begin a configuration with every setting in it, explained.",
      ],
      ["berth config show", "Every setting, its value, and where that came from."],
    ],
    files: [
      ["/etc/berth/config.toml", "The settings, unless --config or BERTH_CONFIG names another file."],
      ["/etc/berth/config.d/*.toml", "More settings beside it, laid over it in the order of their names."],
    ],
  });
  defineDefault(command.command("default"));
  defineShow(command.command("show"));
  defineCheck(command.command("check"));
};

function defineDefault(command: Command): void {
  addManual(command, {
    description:
      "Prints a configuration file in which each setting is explained and shown with its default, commented out: as " +
      "it is, it changes nothing.",
    examples: [["berth config default >/etc/berth/config.toml", "Begin a configuration."]],
  })
    .description("print the commented defaults")
    .action(() => {
      process.stdout.write(readFileSync(new URL("../../packaging/config.toml", import.meta.url), "utf8"));
    });
}

function defineShow(command: Command): void {
  addManual(command, {
    description:
      "Shows every setting as the daemon would have it if it were started now: the defaults, over them the files and the " +
      "variables, each with where its value came from. Mistakes are told all at once. Durations are milliseconds and " +
      "sizes bytes.",
    examples: [
      ["berth config show -o toml", "As a configuration file that would set the same."],
      ["berth config show -o json | jq -r .config.grpc.socket", "One setting, for a script."],
    ],
  })
    .description("show every setting, its value, and where that came from")
    .addOption(
      new Option("-o, --output <format>", "how the result is shown")
        .choices(["table", "json", "yaml", "toml"])
        .default("table"),
    )
    .option("--config <file>", "berth's configuration file")
    .action(() => show(command.optsWithGlobals()));
}

function defineCheck(command: Command): void {
  addManual(command, {
    description:
      "Reads the settings as the daemon would if it were started now, or told to read them again, and tells all mistakes at " +
      "once. `systemctl reload berth` does this first.",
    examples: [
      ["berth config check && systemctl restart berth", "Only with settings that it can start with."],
    ],
    exits: [
      ["0", "There is no mistake."],
      ["1", "There are; standard error has a line for each."],
    ],
  })
    .description("look for mistakes in the settings")
    .option("--config <file>", "berth's configuration file")
    .action(() => {
      const { files } = loadConfig({ config: command.optsWithGlobals<ShowOptions>().config });
      process.stdout.write(`no mistakes in ${files.length === 0 ? "the defaults" : files.join(", ")}\n`);
    });
}

function show({ output, config: file }: ShowOptions): void {
  const loaded = loadConfig({ config: file });
  if (output === "toml") process.stdout.write(configToml(loaded));
  else print(output, plain(loaded), () => settingsTable(loaded));
}

function plain({ config, files, origins }: LoadedConfig): object {
  return { config, files, origins: Object.fromEntries(origins) };
}

function settingsTable({ config, origins }: LoadedConfig): string {
  const rows = settingsOf(config).map(({ path, value }) => [
    path.join("."),
    origins.get(path.join(".")) ?? "default",
    JSON.stringify(value),
  ]);
  return table(["SETTING", "FROM", "VALUE"], rows);
}

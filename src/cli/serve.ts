import { Option } from "commander";
import { type ConfigOptions, loadConfig } from "../config/load.ts";
import type { Define } from "./context.ts";

/** `berth serve`: the daemon, in the foreground. */
export const defineServe: Define = (command, context) => {
  command
    .option("--config <file>", "configuration file (default: /etc/berth/config.toml, where there is one)")
    .option("--root <directory>", "what survives a reboot lies here")
    .option("--state <directory>", "what a reboot clears lies here")
    .option("--socket <path>", "where the CRI is served")
    .addOption(
      new Option("--log-level <level>", "how much is logged").choices([
        "trace",
        "debug",
        "info",
        "warn",
        "error",
      ]),
    )
    .action(async () => {
      const options: ConfigOptions = command.optsWithGlobals();
      await context.serve(loadConfig(options).config);
    });
};

import { Option } from "commander";
import { type ConfigOptions, loadConfig } from "../config/load.ts";
import type { Define } from "./context.ts";
import { addManual } from "./help/manual.ts";

/** `berth serve`: the daemon, in the foreground. */
export const defineServe: Define = (command, context) => {
  addManual(command, {
    description:
      "Runs the daemon in the foreground until it gets SIGTERM or SIGINT. Containers run on when it " +
      "ends, however it ends, and the next one finds them. One daemon can run for each state directory. " +
      "The log goes to standard output, or to systemd's journal; readiness, status and a watchdog's pings go to the service " +
      "manager that asks for them.",
    examples: [
      ["berth serve", "With /etc/berth/config.toml, if there is one."],
      ["berth serve --root /srv/a --state /run/a --config /etc/a.toml", "Another daemon on the same host."],
    ],
    files: [
      ["/var/lib/berth", "What survives a reboot: the database, images, snapshots (the setting root)."],
      ["/run/berth", "What a reboot clears: the socket, pinned namespaces, bundles (the setting state)."],
    ],
  });
  command
    .option("--config <file>", "configuration file (default: /etc/berth/config.toml, where there is one)")
    .option("--root <directory>", "where what survives a reboot lies")
    .option("--state <directory>", "where what a reboot clears lies")
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
      await context.serve(() => loadConfig(options).config);
    });
};

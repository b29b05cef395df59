import { type Finding, ok, problem } from "../finding.ts";
import type { NodeView } from "../node-view.ts";

/** Mistakes in the configuration files. */
export async function checkConfig({ mistakes, files }: NodeView): Promise<Finding[]> {
  if (mistakes.length === 0)
    return [
      ok(files.length === 0 ? "no configuration file: every setting is its default" : files.join(", ")),
    ];
  return mistakes.map((mistake) =>
    problem(
      mistake,
      "the daemon does not start with it; here it counts as not set",
      "correct that line (packaging/config.toml explains every setting), then `berth config show`",
    ),
  );
}

import { HookDirectories } from "../../../spec/hooks/directories.ts";
import { type Finding, note, ok, warning } from "../finding.ts";
import type { NodeView } from "../node-view.ts";

/** Whether the files of OCI hooks can be used. */
export async function checkHooks({ config }: NodeView): Promise<Finding[]> {
  const { directories } = config.hooks;
  if (directories.length === 0)
    return [note("hooks.directories is empty: no hook comes from a file", "", "")];
  const { hooks, problems } = await new HookDirectories(directories).read();
  const there = hooks.length === 0 ? "no hook file" : hooks.map(({ path }) => path).join(", ");
  return [
    ok(`${directories.join(", ")}: ${there}`),
    ...problems.map(({ path, why }) =>
      warning(`${path}: ${why}`, "its hook is run for no container", "correct the file, or take it away"),
    ),
  ];
}

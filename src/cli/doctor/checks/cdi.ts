import { CdiDirectories } from "../../../spec/cdi/directories.ts";
import { type Finding, note, ok, warning } from "../finding.ts";
import type { NodeView } from "../node-view.ts";

const shown = 10;

/** Whether the files of CDI devices can be used. */
export async function checkCdi({ config }: NodeView): Promise<Finding[]> {
  const { directories } = config.cdi;
  if (directories.length === 0)
    return [note("cdi.directories is empty: no container gets a CDI device", "", "")];
  const { devices, problems } = await new CdiDirectories(directories).read();
  const names = [...devices.keys()];
  const more = names.length > shown ? `, and ${names.length - shown} more` : "";
  const there = names.length === 0 ? "no CDI device" : `${names.slice(0, shown).join(", ")}${more}`;
  return [
    ok(`${directories.join(", ")}: ${there}`),
    ...problems.map(({ path, why }) =>
      warning(
        `${path}: ${why}`,
        "a container that asks for a device of it fails",
        "correct the file, or have the device's driver write it again",
      ),
    ),
  ];
}

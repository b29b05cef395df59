import { release } from "node:os";
import type { Config } from "../../../config/schema.ts";
import { programPath } from "../../../linux/program-path.ts";
import { type Finding, note, ok, warning } from "../finding.ts";
import type { NodeView } from "../node-view.ts";
import { runProgram } from "../run-program.ts";

/** Since then the kernel's vDSO has a layout that CRIU knows from 4.1 on. */
const newCriuFrom = "6.13";

/** What checkpoints need: CRIU, a kernel that it can work on, and a runtime that knows it. Each is tried out. */
export async function checkCheckpoint({ config }: NodeView): Promise<Finding[]> {
  if (!config.checkpoint.enable) return [note("checkpoints are off", "the setting is checkpoint.enable")];
  return [
    await criu(config),
    ...(await Promise.all(Object.keys(config.runtime.handlers).map(handler(config)))),
  ];
}

async function criu({ runtime }: Config): Promise<Finding> {
  const why = "containers can't be checkpointed or restored; all else works";
  const path = await programPath("criu", runtime.path);
  if (path === undefined) return note(`there is no criu in ${runtime.path}`, why, "apt install criu");
  const version = /[0-9]+(\.[0-9]+)+/.exec((await runProgram(path, ["--version"])).output)?.[0] ?? "?";
  const { code, output } = await runProgram(path, ["check"]);
  if (code === 0) return ok(`criu: ${path}, version ${version}`);
  const [said = output] = /Error [^\n]*/.exec(output) ?? [];
  const what = `criu ${version} (${path}) can't work on kernel ${release()}: ${said}`;
  const remedy = `install a newer criu: from kernel ${newCriuFrom} on it takes 4.1`;
  return warning(what, why, remedy);
}

function handler({ runtime }: Config): (name: string) => Promise<Finding> {
  return async (name) => {
    const configured = runtime.handlers[name];
    // runc's shim has another program make them
    const binary = String(configured?.options.BinaryName ?? configured?.binary ?? name);
    const path = await programPath(binary, runtime.path);
    if (path === undefined) return note(`${name} is not installed`);
    if ((await runProgram(path, ["checkpoint", "--help"])).code === 0)
      return ok(`${name}: ${path} knows checkpoints`);
    return note(
      `${name}: ${path} was built without CRIU`,
      "its containers can't be checkpointed or restored",
      "Debian's runc can; for crun, a build with libcriu",
    );
  };
}

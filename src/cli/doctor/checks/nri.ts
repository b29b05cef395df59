import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { NriPlugin } from "../../../wire/gen/berth.v1.ts";
import { type Finding, note, ok, problem, warning } from "../finding.ts";
import type { NodeView } from "../node-view.ts";

const seeLog = "the daemon's log has what it said; `berth nri` lists all plugins";

/** Whether NRI plugins can take part, and do. */
export async function checkNri({ config, daemon }: NodeView): Promise<Finding[]> {
  const { disable, pluginPath } = config.nri;
  if (disable) return [note("NRI plugins are not used", "the setting is nri.disable")];
  const programs = await programsIn(pluginPath);
  const named = programs.filter((file) => /^[0-9]{2}-./.test(file));
  const misnamed = programs
    .filter((file) => !named.includes(file))
    .map((file) =>
      warning(
        `${join(pluginPath, file)} is not launched as a plugin`,
        "its name does not begin with two digits and a dash",
        "name it as 10-name: plugins are asked in that order",
      ),
    );
  if (daemon.kind !== "berth") return [ok(`${pluginPath}: ${listed(named)}`), ...misnamed];
  const plugins = daemon.info.nriPlugins;
  const present = plugins.filter(({ state }) => state === "active").map(({ name }) => name);
  const absent = named.filter((file) => !present.includes(file));
  return [
    ok(`take part: ${listed(present)}`),
    ...(await socketFindings(config.nri)),
    ...absent.map((file) =>
      absentFinding(
        join(pluginPath, file),
        plugins.find(({ name }) => name === file),
      ),
    ),
    ...plugins.filter(({ state }) => state === "active").flatMap(errorFinding),
    ...plugins
      .filter(({ kind, state, name }) => kind === "launched" && state === "closed" && present.includes(name))
      .map(({ name, problem: why }) =>
        note(`NRI plugin ${name} had ended, and was launched again`, why, seeLog),
      ),
    ...misnamed,
  ];
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? "no NRI plugin" : names.join(", ");
}

async function programsIn(directory: string): Promise<string[]> {
  const files = await readdir(directory).catch(() => []);
  const modes = await Promise.all(files.map((file) => stat(join(directory, file)).catch(() => undefined)));
  return files
    .filter((_, index) => modes[index]?.isFile() === true && ((modes[index]?.mode ?? 0) & 0o111) !== 0)
    .sort();
}

async function socketFindings({
  socketPath,
  disableConnections,
}: NodeView["config"]["nri"]): Promise<Finding[]> {
  if (disableConnections) return [];
  const there = await stat(socketPath).catch(() => undefined);
  if (there?.isSocket() === true) return [];
  return [
    problem(
      `nri.socketPath: there is no ${socketPath}`,
      "plugins that are not launched by berth can't connect",
      "the daemon's log says why it could not be made; restart the daemon, or set another path",
    ),
  ];
}

function absentFinding(path: string, plugin: NriPlugin | undefined): Finding {
  const why =
    plugin === undefined ? "it came after the daemon's start, or could not be launched" : plugin.problem;
  const remedy = plugin?.state === "waiting" ? "it is launched again after a pause" : "restart the daemon";
  return problem(`${path} does not take part`, why, `${remedy}; ${seeLog}`);
}

function errorFinding({ name, calls, errors, lastError }: NriPlugin): Finding[] {
  if (errors === 0n) return [];
  return [note(`NRI plugin ${name}: ${errors} of ${calls} calls failed`, lastError, seeLog)];
}

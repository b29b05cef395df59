import { existsSync } from "node:fs";
import { isAbsolute } from "node:path";
import type { Config } from "../../../config/schema.ts";
import { handlerProgram } from "../../../config/shim-program.ts";
import { packageOf } from "../../../linux/program-package.ts";
import { programPath } from "../../../linux/program-path.ts";
import { lackingFeatures } from "../../feature-tables.ts";
import { infoValues } from "../../info-values.ts";
import type { BerthView } from "../daemon-view.ts";
import { type Finding, note, ok, problem, warning } from "../finding.ts";
import { judgeSnapshotters } from "../judge-snapshotters.ts";
import type { NodeView } from "../node-view.ts";
import { runProgram } from "../run-program.ts";

/** One handler, as found by the daemon or, without it, by looking at its program. */
interface Handler {
  readonly name: string;
  readonly path: string;
  readonly version: string;
  readonly problem: string;
}

/** OCI runtimes and the monitor: found, their version, and what the daemon saw when it tried them out. */
export async function checkRuntimes({ config, daemon, origins }: NodeView): Promise<Finding[]> {
  const handlers = daemon.kind === "berth" ? daemon.info.handlers : await handlersFound(config);
  const isSet = ({ name }: Handler) => origins.get(`runtime.handlers.${name}.binary`) !== "default";
  const working = handlers.filter(({ problem }) => problem === "");
  return [
    ...handlers.map((handler) => judge(handler, config, working, isSet(handler))),
    ...(daemon.kind === "berth"
      ? [...notReady(daemon), ...lacking(daemon), ...judgeSnapshotters(daemon, config)]
      : []),
    await monitor(config),
    ...(await helpers(config)),
  ];
}

function judge(handler: Handler, { runtime }: Config, working: readonly Handler[], isSet: boolean): Finding {
  const { name, path, version } = handler;
  const isDefault = name === runtime.default;
  const configured = runtime.handlers[name];
  const sandboxes = configured?.sandboxer === "shim" ? "; makes pods' sandboxes by itself" : "";
  if (handler.problem === "")
    return ok(`${name}${isDefault ? " (default)" : ""}: ${path}, ${version}${sandboxes}`);
  const what = `runtime handler ${name}${isDefault ? " (default)" : ""} does not work: ${handler.problem}`;
  const key = configured?.type === "oci" ? "binary" : "runtimePath";
  const remedy =
    sandboxes !== "" && existsSync(path)
      ? `leave runtime.handlers.${name}.sandboxer out, or set its ${key} to a shim with the sandbox API`
      : `${install(path)}, or set runtime.handlers.${name}.${key}`;
  const other = working[0]?.name;
  if (other === undefined) return problem(what, "no handler works, so no pod can start", remedy);
  if (isDefault) return problem(what, `pods that name no handler get ${other} instead`, remedy);
  if (isSet) return problem(what, "pods whose RuntimeClass names it can't start", remedy);
  return note(what, `nothing needs it unless a RuntimeClass names it: ${other} works`, remedy);
}

function install(program: string): string {
  const name = packageOf(program);
  return name === undefined
    ? `install ${program}, and have it run by hand: ${program} --version`
    : `apt install ${name}`;
}

/** The daemon's word on its runtimes as a whole. */
function notReady({ status }: BerthView): Finding[] {
  const condition = status.status?.conditions.find(({ type }) => type === "RuntimeReady");
  if (condition?.status !== false) return [];
  const remedy = "put the handlers above right, then start the daemon again: it tries them out at its start";
  return [problem("RuntimeReady is false: the kubelet starts no pod", condition.message, remedy)];
}

/** What pods may ask for and some handler can't do here, by the daemon's word. */
function lacking({ status }: BerthView): Finding[] {
  return lackingFeatures(infoValues(status.info).runtimes).map(({ handler, feature, why }) =>
    note(`${handler} has no ${feature} here`, `${why}; pods that ask for them are refused with it`),
  );
}

async function handlersFound({ runtime }: Config): Promise<Handler[]> {
  return await Promise.all(
    Object.entries(runtime.handlers).map(async ([name, handler]) => {
      const program = handlerProgram(handler);
      const path = await programPath(program, runtime.path);
      if (path === undefined) {
        const where = isAbsolute(program) ? "" : ` in ${runtime.path}`;
        return { name, path: program, version: "", problem: `there is no ${program}${where}` };
      }
      return { name, path, ...(await versionOf(path, handler.type === "oci" ? "--version" : "-v")) };
    }),
  );
}

/** @param flag a shim knows "-v" alone, and says it on several lines */
async function versionOf(
  path: string,
  flag: "--version" | "-v" = "--version",
): Promise<Pick<Handler, "version" | "problem">> {
  const { code, output } = await runProgram(path, [flag]);
  const version = flag === "-v" ? output.trim().replaceAll(/\s+/g, " ") : (output.split("\n", 1)[0] ?? "");
  return code === 0 ? { version, problem: "" } : { version: "", problem: `${path} can't be run: ${version}` };
}

async function monitor({ runtime }: Config): Promise<Finding> {
  const path = await programPath(runtime.conmon, runtime.path);
  const why = "every container has one for its output and exit code: none can start without";
  const remedy = "apt install conmon, or set runtime.conmon";
  if (path === undefined) return problem(`there is no ${runtime.conmon} in ${runtime.path}`, why, remedy);
  const { version, problem: broken } = await versionOf(path);
  return broken === "" ? ok(`conmon: ${path}, ${version}`) : problem(broken, why, remedy);
}

/** What only some pods need. */
async function helpers({ runtime, container }: Config): Promise<Finding[]> {
  const found: Finding[] = [];
  if (!existsSync(container.seccompProfile)) {
    found.push(
      warning(
        `there is no seccomp profile ${container.seccompProfile}`,
        "containers with the RuntimeDefault profile can't start",
        "apt install golang-github-containers-common, or set container.seccompProfile",
      ),
    );
  }
  if ((await programPath("igzip", runtime.path)) === undefined) {
    found.push(note("there is no igzip", "images are inflated four times slower", "apt install isal"));
  }
  return found;
}

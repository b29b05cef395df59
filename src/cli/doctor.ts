import { statfs } from "node:fs/promises";
import { Argument } from "commander";
import { inspectConfig, loadConfig } from "../config/load.ts";
import { parseReference } from "../spec/reference.ts";
import type { CommandContext, Define } from "./context.ts";
import { askDaemon } from "./doctor/ask-daemon.ts";
import { checks } from "./doctor/checks.ts";
import { lastingLeaks } from "./doctor/leaks/lasting-leaks.ts";
import type { Leak } from "./doctor/leaks/leak.ts";
import type { NodeView } from "./doctor/node-view.ts";
import { configuredRegistries, probeRegistry } from "./doctor/probe-registry.ts";
import { proxyVariables } from "./doctor/proxy-variables.ts";
import { countSeverities, reportText } from "./doctor/report.ts";
import { runChecks } from "./doctor/run-checks.ts";
import { exitCodes } from "./exit-codes.ts";
import { addManual } from "./help/manual.ts";
import { addConnection, addOutput, type OutputOptions, repeated } from "./options.ts";
import { print } from "./output/print.ts";
import { table } from "./output/table.ts";
import { terminalOf } from "./output/terminal.ts";

interface DoctorOptions extends OutputOptions {
  readonly leaks?: boolean;
  readonly list?: boolean;
  readonly strict?: boolean;
  readonly registry?: readonly string[];
  readonly config?: string;
  readonly endpoint?: string;
}

const manual = {
  description:
    "Looks for what is wrong on this node and says what to do about it, whether or not the daemon runs: with it, its own " +
    "view counts, too. Everything is looked at by using it where that leaves nothing behind. Findings are notes, which " +
    "need nothing; warnings, for what works now but will fail later or for some pods; and problems.\n\n" +
    "Registries are asked when /etc/berth/certs.d has a directory for them, and when --registry names them; no credential " +
    "is sent.",
  examples: [
    ["berth doctor", "Look at everything."],
    ["berth doctor network disk", "Only at the network and the disks."],
    [
      "berth doctor registries clock --registry docker.io",
      "Ask docker.io whether it answers, and for the time.",
    ],
    ["berth doctor --leaks", "Compare the daemon's records with what is on the host."],
    [
      "berth doctor -o json | jq '.findings[] | select(.severity == \"problem\")'",
      "Have a script read the problems.",
    ],
  ] as const,
  exits: [
    ["0", "Nothing is wrong, or there are only notes and warnings; with --leaks: nothing leaked."],
    [
      String(exitCodes.failed),
      "There are problems; with --strict also warnings; with --leaks: something leaked.",
    ],
    [String(exitCodes.usage), "The command line is wrong; nothing was looked at."],
  ] as const,
};

/**
 * `berth doctor`: looks for what is wrong on this node, and says what to do. Works whether or not the daemon runs.
 * `--leaks` compares the records with what is on the host.
 */
export const defineDoctor: Define = (command, context) => {
  addManual(command, manual);
  addOutput(addConnection(command))
    .addArgument(
      new Argument("[check...]", "only these checks; all when none is named").choices(
        checks.map(({ name }) => name),
      ),
    )
    .option("--list", "list the checks")
    .option("--registry <host>", "ask this registry, too; also an image's name (may be repeated)", repeated)
    .option("--strict", "exit with 1 for warnings, too")
    .option("--leaks", "name all that no record accounts for")
    .action(async (names: readonly string[]) => {
      const options: DoctorOptions = command.optsWithGlobals();
      if (options.list) listChecks(options);
      else if (options.leaks) await leaks(options, context);
      else await examine(names, options, context);
    });
};

async function examine(
  names: readonly string[],
  options: DoctorOptions,
  context: CommandContext,
): Promise<void> {
  const endpoint =
    options.endpoint ?? (options.config === undefined ? process.env.BERTH_ENDPOINT : undefined);
  const socket = endpoint?.replace(/^unix:(\/\/)?/, "");
  const { config, origins, files, problems } = inspectConfig({ config: options.config, socket });
  const asked = (options.registry ?? []).map(registryOf);
  const daemon = await askDaemon(config.grpc.socket);
  const proxyEnv = proxyVariables(daemon.kind === "berth" ? daemon.pid : undefined);
  const node: NodeView = {
    config,
    origins,
    files,
    mistakes: problems,
    daemon,
    disksAnswer: once(async () => {
      for (const directory of [config.root, config.state]) await statfs(directory).catch(() => undefined);
    }),
    registries: once(async () => {
      const directory = config.registry.configPath;
      const all = new Set([...(await configuredRegistries(directory)), ...asked]);
      return await Promise.all([...all].map((registry) => probeRegistry(registry, directory, proxyEnv)));
    }),
  };
  const results = await runChecks(
    checks.filter(({ name }) => names.length === 0 || names.includes(name)),
    node,
  );
  const counts = countSeverities(results);
  const findings = results.flatMap(({ check, findings }) =>
    findings.map((finding) => ({ check, ...finding })),
  );
  print(options.output, { findings, counts }, () => reportText(results));
  const fails = counts.problem > 0 || (options.strict === true && counts.warning > 0);
  if (fails) context.exitWith(1);
  // What hangs (a dead network file system) would keep the process from its end.
  if (results.some(({ isLate }) => isLate)) (await import("../linux/exit-now.ts")).exitNow(fails ? 1 : 0);
}

/** The registry of a host's name, or of an image's. @throws {Fault} invalid for what is neither */
function registryOf(text: string): string {
  const isHost = !text.includes("/") && (/[.:]/.test(text) || text === "localhost");
  return parseReference(isHost ? `${text}/image` : text).host;
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

function listChecks(options: DoctorOptions): void {
  const listed = checks.map(({ name, about }) => ({ name, about }));
  print(options.output, { checks: listed }, () =>
    table(
      ["CHECK", "LOOKS AT"],
      listed.map(({ name, about }) => [name, about]),
    ),
  );
}

async function leaks(options: DoctorOptions, context: CommandContext): Promise<void> {
  const found = await lastingLeaks(loadConfig({ config: options.config }).config);
  print(options.output, { leaks: found }, () => leaksText(found));
  if (found.length > 0) context.exitWith(1);
}

function leaksText(leaks: readonly Leak[]): string {
  if (leaks.length === 0) return "nothing leaked\n";
  const rows = leaks.map(({ what, where, why, remedy }) => [what, where, why, remedy]);
  // Whole on a terminal, too: a command that is cut removes something else.
  const { colours } = terminalOf(process.stdout);
  const whole = table(["LEAKED", "WHERE", "WHY", "REMOVE WITH"], rows, { colours, columns: undefined });
  return `${whole}\n${leaks.length} leaked\n`;
}

import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describeFault, Fault } from "../../../base/fault.ts";
import type { Config } from "../../../config/schema.ts";
import { isKataShim } from "../../../config/shim-program.ts";
import { errnoOf } from "../../../linux/libc.ts";
import { mountHolding, parseMountinfo } from "../../../linux/mountinfo.ts";
import { type KataFile, parseKataConfiguration } from "../../../spec/kata-configuration.ts";
import { type Finding, note, ok, problem } from "../finding.ts";
import { judgeKata, judgePropagation, nestedNote } from "../judge-kata.ts";
import { kataConfiguration } from "../kata-configuration-of.ts";
import type { NodeView } from "../node-view.ts";

/** What the handlers need that run pods in virtual machines by Kata: the kernel's devices, hypervisor, guest, mounts. */
export async function checkVirtualMachines({ config, disksAnswer }: NodeView): Promise<Finding[]> {
  const names = Object.entries(config.runtime.handlers).flatMap(([name, { type }]) =>
    isKataShim(type) ? [name] : [],
  );
  if (names.length === 0) return [ok("no handler runs virtual machines by Kata")];
  if (process.geteuid?.() !== 0)
    return [note("devices were not tried, as only root may", "", "sudo berth doctor virtual-machines")];
  await disksAnswer();
  return [
    ...names.flatMap((name) => judged(name, config)),
    ...nestedNote(cpuFlags()),
    ...propagation(config),
  ];
}

function judged(name: string, { runtime, image, snapshotters }: Config): Finding[] {
  const handler = runtime.handlers[name];
  const { directories, file, remedy } = kataConfiguration(name, handler, existsSync);
  if (file === undefined) {
    return [
      problem(
        `${name}: no configuration.toml is named, or is in ${directories.join(", ")}`,
        "Kata's shim does not start without",
        remedy,
      ),
    ];
  }
  try {
    const configuration = parseKataConfiguration(readConfiguration(file));
    return judgeKata({
      name,
      snapshotter: handler?.snapshotter || image.snapshotter,
      pool: snapshotters.devmapper.pool,
      file,
      configuration,
      obstacle,
    });
  } catch (error) {
    return [problem(`${name}: ${describeFault(error)}`, "Kata's shim does not start with it", remedy)];
  }
}

/** The file and its drop-ins, as Kata reads them. */
function readConfiguration(file: string): KataFile[] {
  const directory = join(dirname(file), "config.d");
  const dropIns = existsSync(directory) ? readdirSync(directory).toSorted() : [];
  return [file, ...dropIns.map((name) => join(directory, name))].map((path) => {
    const why = obstacle(path, "file");
    if (why !== undefined) throw new Fault("invalid", `its configuration ${path} ${why}`);
    return { file: path, text: readFileSync(path, "utf8") };
  });
}

function obstacle(path: string, as: "program" | "file" | "device"): string | undefined {
  try {
    if (as === "device") closeSync(openSync(path, "r+"));
    else accessSync(path, as === "program" ? constants.X_OK : constants.R_OK);
    if (as !== "device" && !statSync(path).isFile()) return "is no file";
    return undefined;
  } catch (error) {
    const code = errnoOf(error) ?? "";
    return code === "ENOENT" ? "is not there" : `can't be used: ${code}`;
  }
}

function cpuFlags(): string[] {
  const line = readFileSync("/proc/cpuinfo", "latin1").match(/^flags\s*:(.*)$/m)?.[1] ?? "";
  return line.trim().split(" ");
}

function propagation({ state }: Config): Finding[] {
  const mount = mountHolding(parseMountinfo(readFileSync("/proc/self/mountinfo")), state);
  return mount === undefined ? [] : judgePropagation(mount.target, mount.isShared);
}

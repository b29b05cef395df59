import { access, constants } from "node:fs/promises";
import { Fault } from "../../base/fault.ts";
import type { HookProgram } from "../../base/hook.ts";
import type { HookSetting } from "../../config/schema.ts";
import type { HookFile } from "../../spec/hooks/directories.ts";
import type { StagedHook } from "./hooks.ts";
import { type HookSubject, isHooked } from "./matching-hooks.ts";

/** The hooks that a node has. */
export interface NodeHooks {
  /** Of all containers, and of those of the pod's handler, as the settings have them. */
  readonly settings: readonly { readonly key: string; readonly hooks: readonly HookSetting[] }[];
  /** Of files, in the order in which they are run. */
  readonly files: readonly HookFile[];
}

/**
 * What is run at the moments of a container's life: what the settings say, then the files that fit the container.
 *
 * @throws {Fault} wrongState for a program that isn't there
 */
export async function findHooks(node: NodeHooks, subject: HookSubject): Promise<StagedHook[]> {
  const ofSettings = node.settings.flatMap(({ key, hooks }) =>
    hooks.map(({ stages, ...program }, index) => ({ from: `the setting ${key}[${index}]`, stages, program })),
  );
  const ofFiles = node.files.flatMap(({ path, definition: { when, stages, hook: program } }) =>
    isHooked(when, subject) ? [{ from: `${path}: hook`, stages, program }] : [],
  );
  const found = [...ofSettings, ...ofFiles];
  for (const { from, stages, program } of found) {
    // That of startContainer lies in the container.
    if (stages.some((stage) => stage !== "startContainer")) await requireProgram(program, from);
  }
  return found.flatMap(({ stages, program }) => stages.map((stage) => ({ stage, program })));
}

/** The runtimes' own words name neither the program nor who wanted it. */
async function requireProgram({ path }: HookProgram, from: string): Promise<void> {
  try {
    await access(path, constants.X_OK);
  } catch (cause) {
    throw new Fault("wrongState", `${from}.path: ${path} can't be run`, {
      cause,
      hint: "install it on the node, or take the hook away",
    });
  }
}

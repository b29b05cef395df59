import { open } from "node:fs/promises";
import { join } from "node:path";
import { describeFault, Fault, isFault } from "../base/fault.ts";
import { type HookStage, hookStages } from "../base/hook.ts";
import type { Bytes } from "../base/units.ts";
import type { OciConfig } from "../spec/oci-runtime.ts";

/** Of the end of what hooks wrote, so much goes into a message. */
const maxShown: Bytes = 1000;

function outputFile(bundle: string): string {
  return join(bundle, "hooks.log");
}

/** Has crun keep what hooks write, of which it says nothing itself; runc does. */
export function withHookOutput(config: OciConfig, bundle: string): OciConfig {
  if (config.hooks === undefined) return config;
  const file = outputFile(bundle);
  const annotations = { "run.oci.hooks.stdout": file, "run.oci.hooks.stderr": file, ...config.annotations };
  return { ...config, annotations };
}

/**
 * The error of an OCI runtime with the hook that failed, when it is one of a hook that did: runtimes name its path, or its
 * place in a list, and not its stage.
 */
export async function withFailedHook(
  error: unknown,
  config: OciConfig | undefined,
  bundle: string,
): Promise<unknown> {
  const failed = failedHooks(describeFault(error), config?.hooks ?? {});
  if (failed.length === 0) return error;
  const [only, other] = failed;
  const what =
    other === undefined ? `the hook ${only} failed` : `one of these hooks failed: ${failed.join(", ")}`;
  const output = await endOf(outputFile(bundle));
  const wrote = output === "" ? "" : `; hooks wrote: ${output.replaceAll("\n", "; ")}`;
  return new Fault(isFault(error) ? error.kind : "internal", `${what}${wrote}`, { cause: error });
}

/** A hook of the container's own may write without end. Empty where there is nothing. */
async function endOf(file: string): Promise<string> {
  try {
    await using opened = await open(file);
    const { size } = await opened.stat();
    const end = Buffer.alloc(maxShown);
    const { bytesRead } = await opened.read(end, 0, maxShown, Math.max(0, size - maxShown));
    return end.toString("utf8", 0, bytesRead).trim();
  } catch {
    return "";
  }
}

/** Each as in `/usr/bin/tool (createRuntime)`: those that the words may be about. */
function failedHooks(words: string, hooks: NonNullable<OciConfig["hooks"]>): string[] {
  const [, stage = "", place] = /(?:(\w+) )?hook #(\d+)/.exec(words) ?? [];
  const [, path] = /executing hook `([^`]+)`/.exec(words) ?? [];
  if (place === undefined && path === undefined) return [];
  const told = hookStages.find((known) => known === stage);
  const stages = hookStages.filter((known) => known !== "poststop" && (told === undefined || told === known));
  const all = stages.flatMap((each) => indexed(each, hooks));
  const meant = all.filter((hook) =>
    path === undefined ? hook.index === Number(place) : hook.path === path,
  );
  return [...new Set(meant.map((hook) => `${hook.path} (${hook.stage})`))];
}

function indexed(stage: HookStage, hooks: NonNullable<OciConfig["hooks"]>) {
  return (hooks[stage] ?? []).map(({ path }, index) => ({ stage, path, index }));
}

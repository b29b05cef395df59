import type { HookProgram, HookStage } from "../../base/hook.ts";
import type { OciConfig, OciHook } from "../../spec/oci-runtime.ts";

/** A program to be run at a moment of a container's life. */
export interface StagedHook {
  readonly stage: HookStage;
  readonly program: HookProgram;
}

/** The configuration with more hooks, which are run after those that it has. */
export function withHooks<Config extends Pick<OciConfig, "hooks">>(
  config: Config,
  added: readonly StagedHook[],
): Config {
  if (added.length === 0) return config;
  const hooks: NonNullable<OciConfig["hooks"]> = { ...config.hooks };
  for (const { stage, program } of added) hooks[stage] = [...(hooks[stage] ?? []), ociHook(program)];
  return { ...config, hooks };
}

function ociHook({ path, args, env, timeout }: HookProgram): OciHook {
  return {
    path,
    ...(args === undefined ? {} : { args: [...args] }),
    ...(env === undefined ? {} : { env: [...env] }),
    ...(timeout === undefined ? {} : { timeout }),
  };
}

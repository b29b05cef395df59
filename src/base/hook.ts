/** When in a container's life an OCI runtime runs a hook (OCI runtime spec v1.2, config, POSIX-platform Hooks). */
export const hookStages = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
] as const;

export type HookStage = (typeof hookStages)[number];

/** A program that an OCI runtime runs at such a moment. */
export interface HookProgram {
  /** Absolute. */
  readonly path: string;
  /** With the program's own name. */
  readonly args?: readonly string[] | undefined;
  /** `NAME=value`; the program has no other variables. */
  readonly env?: readonly string[] | undefined;
  /** Seconds. */
  readonly timeout?: number | undefined;
}

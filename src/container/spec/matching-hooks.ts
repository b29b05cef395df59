import type { HookCondition } from "../../spec/hooks/format.ts";

/** What of a container a hook's conditions are about. */
export interface HookSubject {
  /** The container's program: the first of `process.args`. */
  readonly command: string;
  /** The pod's and the container's. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Whether something of the host is mounted that was asked for. */
  readonly hasBindMounts: boolean;
}

/**
 * Whether a hook is to run for the container (oci-hooks(5)).
 */
export function isHooked(when: HookCondition, subject: HookSubject): boolean {
  const conditions = conditionsOf(when, subject);
  if (conditions.length === 0) return false;
  return when.needs === "all" ? conditions.every((holds) => holds()) : conditions.some((holds) => holds());
}

function conditionsOf(
  { always, annotations, commands, hasBindMounts }: HookCondition,
  subject: HookSubject,
): (() => boolean)[] {
  const entries = Object.entries(subject.annotations);
  return [
    ...(always === undefined ? [] : [() => always]),
    ...(hasBindMounts === undefined ? [] : [() => hasBindMounts && subject.hasBindMounts]),
    ...annotations.map(
      ({ key, value }) =>
        () =>
          entries.some((entry) => key.test(entry[0]) && value.test(entry[1])),
    ),
    ...(commands.length === 0 ? [] : [() => commands.some((command) => command.test(subject.command))]),
  ];
}

import type { StatusResponse } from "../wire/gen/runtime.v1.ts";
import { table } from "./output/table.ts";

const yesNo = (value: boolean | undefined) => (value === true ? "yes" : "no");

/** What pods may ask for, by handler and whatever the handler, as tables for people. Older runtimes don't tell. */
export function featureTables({ runtimeHandlers, features }: StatusResponse): string[] {
  const handlers = runtimeHandlers.map((handler) => [
    handler.name === "" ? "(default)" : handler.name,
    yesNo(handler.features?.recursiveReadOnlyMounts),
    yesNo(handler.features?.userNamespaces),
  ]);
  const ofAll =
    features === undefined
      ? []
      : [
          ["supplemental groups policy", yesNo(features.supplementalGroupsPolicy)],
          ["user namespaces on the host network", yesNo(features.userNamespacesHostNetwork)],
          ["mount options", yesNo(features.mountOptions)],
        ];
  return [
    ...(handlers.length === 0
      ? []
      : [table(["RUNTIME HANDLER", "RECURSIVE READ-ONLY", "USER NAMESPACES"], handlers)]),
    ...(ofAll.length === 0 ? [] : [table(["FEATURE", "THERE"], ofAll)]),
  ];
}

/** Why a handler lacks a feature, as berth's daemon tells it in the info value `runtimes`; other runtimes don't. */
export interface LackingFeature {
  readonly handler: string;
  readonly feature: string;
  readonly why: string;
}

const told = {
  recursiveReadOnlyProblem: "recursive read-only mounts",
  userNamespaceProblem: "user namespaces",
};

export function lackingFeatures(runtimes: unknown): LackingFeature[] {
  const handlers = valueIn(runtimes, "handlers");
  if (!Array.isArray(handlers)) return [];
  return handlers.flatMap((handler: unknown) =>
    Object.entries(told).flatMap(([field, feature]) => {
      const [name, why] = [valueIn(handler, "handler"), valueIn(handler, field)];
      return typeof name === "string" && typeof why === "string" ? [{ handler: name, feature, why }] : [];
    }),
  );
}

function valueIn(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? Object.getOwnPropertyDescriptor(value, name)?.value
    : undefined;
}

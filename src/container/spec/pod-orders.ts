import { Fault } from "../../base/fault.ts";
import { orderOf } from "../../config/pod-orders.ts";
import type { OciConfigInput } from "./input.ts";

/** What annotations of the pod that its handler allows change of a container. */
export interface PodOrders {
  readonly umask?: number;
  /** cgroup v2 files to values. */
  readonly unified?: Readonly<Record<string, string>>;
  readonly cgroupWritable?: boolean;
}

/** @throws {Fault} invalid naming the annotation whose value is malformed */
export function podOrders({
  config,
  pod,
  settings,
}: Pick<OciConfigInput, "config" | "pod" | "settings">): PodOrders {
  const { allowedAnnotations } = settings.handler;
  const { annotations } = pod.config;
  const umask = orderOf("umask", annotations, allowedAnnotations);
  const unified = orderOf("unifiedCgroup", annotations, allowedAnnotations, config.metadata.name);
  const writable = orderOf("cgroupWritable", annotations, allowedAnnotations);
  return {
    ...(umask === undefined ? {} : { umask: parseUmask(umask) }),
    ...(unified === undefined ? {} : { unified: parseUnified(unified) }),
    ...(writable === undefined ? {} : { cgroupWritable: writable.value === "true" }),
  };
}

type Order = NonNullable<ReturnType<typeof orderOf>>;

function parseUmask({ key, value }: Order): number {
  if (/^0?[0-7]{1,3}$/.test(value)) return Number.parseInt(value, 8);
  throw new Fault("invalid", `the pod's annotation ${key}: "${value}" is not an octal umask, as in 0027`);
}

function parseUnified({ key, value }: Order): Record<string, string> {
  const entries = value.split(";").map((entry) => {
    const equals = entry.indexOf("=");
    if (equals < 1)
      throw new Fault("invalid", `the pod's annotation ${key}: "${entry}" is not as in memory.high=1000000`);
    return [entry.slice(0, equals).trim(), entry.slice(equals + 1).trim()] as const;
  });
  return Object.fromEntries(entries);
}

import { Fault } from "../../base/fault.ts";
import { formatNumbers, numbersOf } from "../../base/number-list.ts";
import { handlerSettings } from "../../config/handler-settings.ts";
import { orderOf, type PodOrder } from "../../config/pod-orders.ts";
import type { Config } from "../../config/schema.ts";
import type { ContainerConfig } from "../../spec/cri/container-config.ts";
import type { PodSandboxConfig } from "../../spec/cri/pod-sandbox-config.ts";
import type { LinuxResources } from "../../spec/cri/resources.ts";

/** What a container with processors of its own wants of them. Absent, false: as anywhere. */
export interface ProcessorOrders {
  /** Those that are the container's alone, as a list; empty: it has none. */
  readonly own: string;
  readonly withoutQuota: boolean;
  /** The kernel's scheduler moves nothing to or from its processors. */
  readonly withoutBalancing: boolean;
  /** "none": interrupts are handled elsewhere; "housekeeping": but for those on its first core. */
  readonly interrupts?: "none" | "housekeeping";
  /** As `pm_qos_resume_latency_us` takes it. */
  readonly resumeLatency?: string;
  readonly governor?: string;
  /** Processors that it shares with others of its kind, besides its own. */
  readonly shared?: string;
}

interface Asked {
  readonly config: ContainerConfig;
  readonly pod: PodSandboxConfig;
  /** Of the pod's handler. */
  readonly allowed: readonly string[];
  /** The setting `runtime.sharedCpus`. */
  readonly sharedCpus: string;
}

/**
 * What the pod's annotations ask for of a container's processors (CRI-O's high-performance annotations), where the pod is guaranteed
 * whole processors: the kubelet gives those to it alone. Undefined: nothing, or it has none.
 *
 * @throws {Fault} invalid naming the annotation whose value is malformed
 */
export function processorOrders({ config, pod, allowed, sharedCpus }: Asked): ProcessorOrders | undefined {
  const { cpuShares = 0, cpusetCpus = "" } = config.resources;
  if (/burstable|besteffort/.test(pod.cgroupParent) || cpuShares === 0 || cpuShares % 1024 !== 0)
    return undefined;
  const { name } = config.metadata;
  const of = (order: PodOrder) =>
    orderOf(order, pod.annotations, allowed, name) ?? orderOf(order, pod.annotations, allowed);
  const withoutQuota = isDisabled(of("cpuQuota"));
  if (cpusetCpus === "") return withoutQuota ? { own: "", withoutQuota, withoutBalancing: false } : undefined;
  const interrupts = interruptsOf(of("irqLoadBalancing"));
  const resumeLatency = resumeLatencyOf(of("cpuCStates"));
  const governor = of("cpuFreqGovernor")?.value;
  const shared = sharedOf(orderOf("cpuShared", pod.annotations, allowed, name), sharedCpus);
  const orders = {
    own: cpusetCpus,
    withoutQuota: shared !== undefined || withoutQuota,
    withoutBalancing: isDisabled(of("cpuLoadBalancing")),
    ...(interrupts && { interrupts }),
    ...(resumeLatency && { resumeLatency }),
    ...(governor && { governor }),
    ...(shared && { shared }),
  };
  const asked = [orders.withoutQuota, orders.withoutBalancing, interrupts, resumeLatency, governor];
  return asked.some((each) => each !== undefined && each !== false) ? orders : undefined;
}

/** The same, by the settings of the container's handler. */
export function ordersFor(
  config: ContainerConfig,
  pod: PodSandboxConfig,
  { handlers, sharedCpus }: Pick<Config["runtime"], "handlers" | "sharedCpus">,
  handler: string,
): ProcessorOrders | undefined {
  const { allowedAnnotations: allowed } = handlerSettings(handlers, handler);
  return processorOrders({ config, pod, allowed, sharedCpus });
}

type Order = ReturnType<typeof orderOf>;

function malformed({ key, value }: NonNullable<Order>, expected: string): Fault {
  return new Fault("invalid", `the pod's annotation ${key}: "${value}" is not ${expected}`);
}

/** "true" is what CRI-O took before 1.21. */
function isDisabled(order: Order): boolean {
  if (order === undefined || order.value === "enable") return false;
  if (order.value === "disable" || order.value === "true") return true;
  throw malformed(order, '"disable" or "enable"');
}

function interruptsOf(order: Order): ProcessorOrders["interrupts"] {
  if (order?.value === "housekeeping") return "housekeeping";
  return isDisabled(order) ? "none" : undefined;
}

function resumeLatencyOf(order: Order): string | undefined {
  if (order === undefined) return undefined;
  if (order.value === "enable") return "0";
  if (order.value === "disable") return "n/a";
  const [, latency] = /^max_latency:([1-9][0-9]{0,8})$/.exec(order.value) ?? [];
  if (latency === undefined) throw malformed(order, '"enable", "disable" or "max_latency:" and microseconds');
  return latency;
}

function sharedOf(order: Order, sharedCpus: string): string | undefined {
  if (order === undefined || order.value === "disable") return undefined;
  if (order.value !== "enable") throw malformed(order, '"enable" or "disable"');
  if (sharedCpus === "")
    throw new Fault("invalid", `the pod's annotation ${order.key}: this node shares no processors`, {
      hint: "the setting runtime.sharedCpus names them",
    });
  return sharedCpus;
}

/** What a container is given, whose pod has these orders. @param wanted for a new one, or a change */
export function withOrders(wanted: LinuxResources, orders: ProcessorOrders | undefined): LinuxResources {
  if (orders === undefined) return wanted;
  const { shared, withoutQuota } = orders;
  const own = wanted.cpusetCpus ?? "";
  return {
    ...wanted,
    ...(withoutQuota && wanted.cpuQuotaUs !== undefined ? { cpuQuotaUs: -1 } : {}),
    ...(shared === undefined || own === ""
      ? {}
      : { cpusetCpus: formatNumbers(new Set([...(numbersOf(own) ?? []), ...(numbersOf(shared) ?? [])])) }),
  };
}

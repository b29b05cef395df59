import type { Logger } from "pino";
import { describeFault, Fault } from "../../base/fault.ts";
import { formatNumbers, numbersOf } from "../../base/number-list.ts";
import type { ProcessorWishes } from "../../linux/contract.ts";
import type { ContainerAttempt, ContainerHost } from "../parts.ts";
import type { ContainerRecord } from "../state.ts";
import { housekeepingOf } from "./housekeeping.ts";
import { ordersFor, type ProcessorOrders } from "./orders.ts";

/** Gives a container, which waits for its start, its processors as its pod's annotations want them. */
export async function setProcessors(
  record: ContainerRecord,
  { host, pod, adjusted }: ContainerAttempt,
): Promise<void> {
  const orders = pod && ordersFor(record.config, pod.config, host.config.runtime, record.handler);
  if (orders === undefined || pod === undefined) return;
  requireOwn(record, host);
  if (orders.withoutQuota) await host.cgroups.liftCpuQuota(pod.cgroup);
  const wishes = await wishesOf(orders, adjusted?.cgroup ?? record.cgroup, host);
  if (Object.keys(wishes).length > 1) await host.processors.hold(record.id, wishes);
}

/** Brings back what the container's processors were like. */
export async function releaseProcessors(
  { id }: Pick<ContainerRecord, "id">,
  { host }: { readonly host: Pick<ContainerHost, "processors"> },
): Promise<void> {
  await host.processors.release(id);
}

/** The same when the container ends: what can't be brought back then is tried again when it is removed. */
export async function releaseEnded(record: ContainerRecord, host: ContainerHost, log: Logger): Promise<void> {
  try {
    await releaseProcessors(record, { host });
  } catch (error) {
    const subject = { pod: record.podId, container: record.id };
    log.warn({ ...subject, err: describeFault(error) }, "its processors are not as they were before");
  }
}

/** @throws {Fault} invalid, unimplemented: what has no cgroup of this host, or none yet, can't be given processors of it */
function requireOwn({ id, handler, restored }: ContainerRecord, { runtime }: ContainerHost): void {
  const asked = "the pod's annotations ask for processors of its own";
  if (restored !== undefined) throw new Fault("unimplemented", `${asked} for a container from a checkpoint`);
  if (runtime.isOnHost(id, handler)) return;
  throw new Fault("invalid", `${asked} for a container in a sandbox, which has the sandbox's`, {
    hint: `take those of processors out of runtime.handlers.${handler}.allowedAnnotations`,
  });
}

async function wishesOf(
  { own, interrupts, resumeLatency, governor, withoutBalancing, shared }: ProcessorOrders,
  cgroup: string,
  { cgroups }: Pick<ContainerHost, "cgroups">,
): Promise<ProcessorWishes> {
  if (withoutBalancing && shared !== undefined && cgroups.version === 2)
    throw new Fault("unimplemented", "processors that are shared can't be out of balancing with cgroup v2");
  const directories = cgroups.directories(cgroup);
  const isolatedIn = directories.get("cpuset") ?? [...directories.values()][0];
  const kept = new Set(numbersOf(interrupts === "housekeeping" ? await housekeepingOf(own) : ""));
  const away = numbersOf(own)?.filter((processor) => !kept.has(processor)) ?? [];
  return {
    processors: own,
    ...(interrupts === undefined || away.length === 0 ? {} : { withoutInterrupts: formatNumbers(away) }),
    ...(withoutBalancing && isolatedIn !== undefined ? { isolatedIn } : {}),
    ...(resumeLatency === undefined ? {} : { resumeLatency }),
    ...(governor === undefined ? {} : { governor }),
  };
}

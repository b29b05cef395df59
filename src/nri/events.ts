import { Event, type PluginService } from "../wire/gen/nri.v1alpha1.ts";

type Calls = keyof typeof PluginService;

/** What a plugin can subscribe to. */
export type PluginEvent = Exclude<Calls, "configure" | "synchronize" | "shutdown" | "stateChange">;

const events: Readonly<Record<PluginEvent, Event>> = {
  runPodSandbox: Event.EVENT_RUN_POD_SANDBOX,
  stopPodSandbox: Event.EVENT_STOP_POD_SANDBOX,
  removePodSandbox: Event.EVENT_REMOVE_POD_SANDBOX,
  createContainer: Event.EVENT_CREATE_CONTAINER,
  postCreateContainer: Event.EVENT_POST_CREATE_CONTAINER,
  startContainer: Event.EVENT_START_CONTAINER,
  postStartContainer: Event.EVENT_POST_START_CONTAINER,
  updateContainer: Event.EVENT_UPDATE_CONTAINER,
  postUpdateContainer: Event.EVENT_POST_UPDATE_CONTAINER,
  stopContainer: Event.EVENT_STOP_CONTAINER,
  removeContainer: Event.EVENT_REMOVE_CONTAINER,
  updatePodSandbox: Event.EVENT_UPDATE_POD_SANDBOX,
  postUpdatePodSandbox: Event.EVENT_POST_UPDATE_POD_SANDBOX,
  validateContainerAdjustment: Event.EVENT_VALIDATE_CONTAINER_ADJUSTMENT,
};

/** What plugins of before these events had calls of their own are told by StateChange. */
const told: ReadonlySet<PluginEvent> = new Set([
  "runPodSandbox",
  "stopPodSandbox",
  "removePodSandbox",
  "postUpdatePodSandbox",
  "postCreateContainer",
  "startContainer",
  "postStartContainer",
  "postUpdateContainer",
  "removeContainer",
]);

const everyEvent = (1 << (Event.EVENT_LAST - 1)) - 1;

/** As in `CreateContainer`. */
export function eventName(event: string): string {
  return event.charAt(0).toUpperCase() + event.slice(1);
}

/** @param mask as a plugin answers Configure: a bit an event; 0: all. Undefined: it has bits that mean nothing */
export function subscriptions(mask: number): ReadonlySet<PluginEvent> | undefined {
  if ((mask & ~everyEvent) !== 0) return undefined;
  const all = Object.entries(events) as [PluginEvent, Event][];
  return new Set(
    all.filter(([, event]) => mask === 0 || (mask & (1 << (event - 1))) !== 0).map(([name]) => name),
  );
}

/** The event as StateChange names it; undefined: it has no such form. */
export function stateChange(event: PluginEvent): Event | undefined {
  return told.has(event) ? events[event] : undefined;
}

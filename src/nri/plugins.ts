import type { Socket } from "node:net";
import type { Logger } from "pino";
import { describeFault, Fault } from "../base/fault.ts";
import { KeyedLocks } from "../base/lock.ts";
import { waitOutside } from "../base/outside-time.ts";
import type { Ms } from "../base/units.ts";
import type { Config } from "../config/schema.ts";
import type {
  ContainerUpdate,
  LinuxResources,
  PodSandbox,
  UpdateContainersRequest,
} from "../wire/gen/nri.v1alpha1.ts";
import { adjusters } from "./adjusters.ts";
import { askToCreate } from "./ask-to-create.ts";
import { Owners } from "./collect/owners.ts";
import { CollectedUpdates } from "./collect/updates.ts";
import type {
  ContainerEvent,
  DoneEvent,
  NriAdjustment,
  NriNode,
  NriObserver,
  NriPluginReport,
  NriPlugins,
  NriSubject,
  NriUpdate,
  PodEvent,
} from "./contract.ts";
import type { PluginEvent } from "./events.ts";
import { KnownContainers } from "./known-containers.ts";
import { type Answer, type Launched, Plugin, type Request } from "./plugin.ts";
import { type AskedEviction, askedBy, evictContainers, evictedBy, updateContainers } from "./requests.ts";
import { standingState } from "./standing-state.ts";

/** Of plugins that have gone, for who asks what happened. */
const keptReports = 20;
/** For each plugin, when the daemon ends. */
const goodbye: Ms = 500;
/** For what nobody waits for. */
const turnDeadline: Ms = 600_000;

export interface PluginSetParts {
  readonly settings: Config["nri"];
  readonly version: string;
  readonly node: NriNode;
  readonly observer: NriObserver | undefined;
  readonly log: Logger;
}

/**
 * The plugins of this node. One request is with the plugins at a time, and with one plugin after the other in the order of their
 * indices, as they expect. What they ask for besides is done when the request has been answered by all.
 */
export class PluginSet implements Omit<NriPlugins, "isIdle"> {
  readonly #parts: PluginSetParts;
  readonly #turns = new KeyedLocks<"plugins">();
  #past: NriPluginReport[] = [];
  /** Those that plugins were told of, until they are removed, as they were told last. */
  readonly #pods = new Map<string, PodSandbox>();
  readonly #containers = new KnownContainers();
  #starting = new Set<Plugin>();
  #plugins: Plugin[] = [];

  constructor(parts: PluginSetParts) {
    this.#parts = parts;
  }

  /** One that is just being shown what there is has to hear of what becomes of that, once it is its turn. */
  get isEmpty(): boolean {
    return this.#plugins.length === 0 && this.#starting.size === 0;
  }

  /** Takes a plugin in at the other end of `trunk`. Never throws. */
  async admit(trunk: Socket, launched?: Launched): Promise<void> {
    const { log } = this.#parts;
    const plugin = new Plugin(trunk, { ...this.#parts, asked: this.#asked.bind(this) }, launched);
    this.#starting.add(plugin);
    try {
      await plugin.start();
      const updates = await this.#synchronize(plugin);
      log.info({ plugin: plugin.name, events: plugin.report().events }, "an NRI plugin takes part");
      await updateContainers(askedBy(plugin.name, updates), this.#parts);
    } catch (error) {
      log.error({ plugin: plugin.name, err: describeFault(error) }, "an NRI plugin could not be taken in");
      plugin.close(describeFault(error));
      this.#forget(plugin);
    } finally {
      this.#starting.delete(plugin);
    }
  }

  async podEvent(event: PodEvent, pod: () => PodSandbox, signal: AbortSignal): Promise<void> {
    const request = { pod: pod() };
    const { id } = request.pod;
    const known = this.#pods.get(id);
    if (known !== undefined && request.pod.ips.length === 0) request.pod.ips = known.ips; // those that it had
    // noted in its turn: one that comes in before it is told of it, one that comes after is shown it
    const note = () => {
      if (event === "removePodSandbox") this.#pods.delete(id);
      else this.#pods.set(id, request.pod);
    };
    if (event === "runPodSandbox") await this.#ask(event, request, signal, note);
    else if (known !== undefined) await this.#tell(event, request, signal, { note });
  }

  async updatePodSandbox(
    pod: () => PodSandbox,
    { overhead, resources }: { overhead: LinuxResources | undefined; resources: LinuxResources | undefined },
    signal: AbortSignal,
  ): Promise<void> {
    const request = { pod: pod(), overheadLinuxResources: overhead, linuxResources: resources };
    await this.#ask("updatePodSandbox", request, signal);
  }

  async createContainer(subject: () => NriSubject, signal: AbortSignal): Promise<NriAdjustment | undefined> {
    const { settings } = this.#parts;
    const original = subject();
    const asked = await this.#inTurn(signal, () => {
      this.#containers.know(original);
      return askToCreate(original, subject(), this.#plugins, settings.validator);
    });
    await updateContainers(asked.updates, this.#parts);
    await evictContainers(asked.evictions, this.#parts);
    const { adjustment, owners } = asked;
    const names = adjusters(owners);
    for (const plugin of this.#plugins) if (names.has(plugin.name)) plugin.adjusted();
    return Object.keys(owners).length === 0 ? undefined : { adjustment, owners };
  }

  async containerEvent(event: ContainerEvent, subject: () => NriSubject, signal: AbortSignal): Promise<void> {
    if (!this.#isWanted(event)) return;
    const request = subject();
    this.#containers.know(request);
    if (event === "startContainer") await this.#ask(event, request, signal);
    else await this.#tell(event, request, signal);
  }

  async updateContainer(
    subject: () => NriSubject,
    resources: LinuxResources,
    signal: AbortSignal,
  ): Promise<NriUpdate | undefined> {
    const { pod, container } = subject();
    const { id } = container;
    const owners = new Owners();
    const updates = new CollectedUpdates(owners, { id, resources });
    const evicted: AskedEviction[] = [];
    await this.#inTurn(signal, async () => {
      for (const plugin of this.#plugins) {
        const request = { pod, container, linuxResources: updates.resources(id) };
        const answer = await plugin.call("updateContainer", request);
        if (answer === undefined) continue;
        updates.apply(answer.update, plugin.name);
        evicted.push(...evictedBy(plugin.name, answer.evict));
      }
    });
    await updateContainers(updates.others(id), this.#parts);
    await evictContainers(evicted, this.#parts);
    return { resources: updates.resources(id) ?? resources, owners: owners.list(id) };
  }

  containerStopped(id: string, subject: () => NriSubject): void {
    if (!this.#isWanted("stopContainer") && !this.#isWanted("removeContainer")) {
      this.#containers.stop(id);
      return;
    }
    const request = subject();
    this.#containers.know(request);
    void this.#stopped(request, AbortSignal.timeout(turnDeadline));
  }

  async containerRemoved(id: string, signal: AbortSignal): Promise<void> {
    const known = this.#containers.get(id);
    if (known === undefined) return;
    await this.#stopped(known, signal);
    this.#containers.forget(id);
    await this.#tell("removeContainer", known, signal);
  }

  reports(): readonly NriPluginReport[] {
    const present = [...this.#starting, ...this.#plugins].map((plugin) => plugin.report());
    return [...present, ...this.#past];
  }

  /** Ends those that were launched; the others' connections are closed. */
  async shutDown(): Promise<void> {
    await Promise.all([...this.#starting, ...this.#plugins].map((plugin) => plugin.shutDown(goodbye)));
  }

  /** Whether somebody wants to know of it, or may: what one that is starting wants is not known yet. */
  #isWanted(event: PluginEvent): boolean {
    return this.#starting.size > 0 || this.#plugins.some((plugin) => plugin.takes(event));
  }

  /** A stop is told once. */
  async #stopped(subject: NriSubject, signal: AbortSignal): Promise<void> {
    if (!this.#containers.stop(subject.container.id)) return;
    const updates = new CollectedUpdates(new Owners());
    const take = ({ update }: Answer<"stopContainer">, plugin: Plugin) => updates.apply(update, plugin.name);
    await this.#tell("stopContainer", subject, signal, { take });
    await updateContainers(updates.others(), this.#parts);
  }

  async #synchronize(plugin: Plugin): Promise<ContainerUpdate[]> {
    const { node } = this.#parts;
    return await this.#inTurn(AbortSignal.timeout(turnDeadline), async () => {
      const { pods, containers } = standingState(node, this.#pods, this.#containers);
      const updates = await plugin.synchronize(pods, containers);
      this.#plugins = [...this.#plugins, plugin].sort((a, b) => Number(a.index) - Number(b.index));
      return updates;
    });
  }

  /** Tells each of what can still be refused, until one does. @param note is done first. @throws {Fault} with what that one said */
  #ask<Event extends PluginEvent>(
    event: Event,
    request: Request<Event>,
    signal: AbortSignal,
    note = () => {},
  ): Promise<void> {
    return this.#inTurn(signal, async () => {
      note();
      for (const plugin of this.#plugins) await plugin.call(event, request);
    });
  }

  /** Tells each of what is done: what one says against it goes to the log, and the others hear of it all the same. Never throws. */
  async #tell<Event extends DoneEvent>(
    event: Event,
    request: Request<Event>,
    signal: AbortSignal,
    { note, take }: { note?(): void; take?(answer: Answer<Event>, plugin: Plugin): void } = {},
  ): Promise<void> {
    const { pod, container } = request as Partial<NriSubject>;
    const objects = (error: unknown, plugin?: Plugin) =>
      this.#parts.log.warn(
        { event, plugin: plugin?.name, pod: pod?.id, container: container?.id, err: describeFault(error) },
        "an NRI plugin objects to what it was told",
      );
    const told = this.#inTurn(signal, async () => {
      note?.();
      for (const plugin of this.#plugins) {
        try {
          const answer = await plugin.call(event, request);
          if (answer !== undefined) take?.(answer, plugin);
        } catch (error) {
          objects(error, plugin);
        }
      }
    });
    await told.catch(objects);
  }

  /** Does what concerns all plugins when nothing else does. Those that were closed in it are forgotten. */
  async #inTurn<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
    using _turn = await this.#turns.hold("plugins", signal);
    try {
      return await waitOutside(work());
    } finally {
      for (const plugin of this.#plugins) if (plugin.isClosed) this.#forget(plugin);
    }
  }

  /** Of one that is launched again and again, the last is enough. */
  #forget(plugin: Plugin): void {
    this.#plugins = this.#plugins.filter((one) => one !== plugin);
    const report = plugin.report();
    const others = this.#past.filter(({ kind, name }) => kind !== "launched" || name !== report.name);
    this.#past = [report, ...others].slice(0, keptReports);
  }

  async #asked(plugin: Plugin, { update, evict }: UpdateContainersRequest): Promise<ContainerUpdate[]> {
    if (!this.#plugins.includes(plugin))
      throw new Fault("wrongState", `NRI plugin ${plugin.name} asks for updates before it is synchronized`);
    const failed = await updateContainers(askedBy(plugin.name, update), this.#parts);
    await evictContainers(evictedBy(plugin.name, evict), this.#parts);
    return failed;
  }
}

import type { Socket } from "node:net";
import type { Logger } from "pino";
import { waitFor } from "../base/deadline.ts";
import { describeFault, during, Fault, isFault } from "../base/fault.ts";
import { type Ms, nowNanos, type UnixNanos } from "../base/units.ts";
import type { Config } from "../config/schema.ts";
import { peerPid } from "../linux/peer-process.ts";
import {
  type Container,
  type ContainerUpdate,
  PluginService,
  type PodSandbox,
  RuntimeService,
  type UpdateContainersRequest,
} from "../wire/gen/nri.v1alpha1.ts";
import { Multiplexer, nriConnections } from "../wire/nri/multiplexer.ts";
import { TtrpcClient } from "../wire/ttrpc/client.ts";
import type { TtrpcCalls } from "../wire/ttrpc/method.ts";
import { serveTtrpcOn, ttrpcService } from "../wire/ttrpc/server.ts";
import type { NriObserver, NriPluginReport } from "./contract.ts";
import { eventName, type PluginEvent, stateChange, subscriptions } from "./events.ts";
import { inParts } from "./parts-of-state.ts";

type Calls = TtrpcCalls<typeof PluginService>;
export type Request<Event extends keyof Calls> = Parameters<Calls[Event]>[0];
export type Answer<Event extends keyof Calls> = Awaited<ReturnType<Calls[Event]>>;

/** The release of NRI whose messages these are. */
const nriVersion = "v0.12.2";

/** Of a plugin that the daemon has launched. */
export interface Launched {
  readonly index: string;
  readonly name: string;
  readonly config: string;
  readonly pid: number;
  end(): void;
}

export interface PluginParts {
  readonly settings: Pick<Config["nri"], "registrationTimeout" | "requestTimeout">;
  /** berth's. */
  readonly version: string;
  readonly observer: NriObserver | undefined;
  readonly log: Logger;
  /** What a plugin asks for by itself. @returns the updates that failed */
  asked(plugin: Plugin, request: UpdateContainersRequest): Promise<ContainerUpdate[]>;
}

/** One plugin and its connection. Once closed it stays so. */
export class Plugin {
  readonly #parts: PluginParts;
  readonly #launched: Launched | undefined;
  readonly #pid: number;
  readonly #mux: Multiplexer;
  readonly #client: TtrpcClient;
  readonly #calls: Calls;
  readonly #stopping = new AbortController();
  readonly #registered = Promise.withResolvers<void>();
  readonly #since: UnixNanos = nowNanos();
  /** Events for which it has no call: it is of before they had. */
  readonly #byStateChange = new Set<PluginEvent>();
  #index = "??";
  #name = "plugin";
  #events: ReadonlySet<PluginEvent> = new Set();
  #isRegistered = false;
  #isActive = false;
  #problem = "";
  #counts = { calls: 0, errors: 0, adjusted: 0 };
  #lastError = "";

  constructor(trunk: Socket, parts: PluginParts, launched?: Launched) {
    this.#parts = parts;
    this.#launched = launched;
    this.#pid = launched?.pid ?? peerPid(trunk) ?? 0;
    if (launched !== undefined) ({ index: this.#index, name: this.#name } = launched);
    this.#mux = new Multiplexer(trunk);
    const service = ttrpcService(RuntimeService, {
      registerPlugin: async ({ pluginIdx, pluginName }) => {
        this.#register(pluginIdx, pluginName);
        return {};
      },
      updateContainers: async (request) => ({ failed: await parts.asked(this, request) }),
    });
    serveTtrpcOn(this.#mux.open(nriConnections.runtime), service, this.#stopping.signal);
    this.#client = new TtrpcClient(this.#mux.open(nriConnections.plugin));
    this.#calls = this.#client.calls(PluginService);
    void this.#client.closed.then((reason) => this.close(describeFault(reason)));
    void this.#mux.closed.then((reason) => this.close(describeFault(reason)));
    this.#registered.promise.catch(() => undefined);
  }

  get name(): string {
    return `${this.#index}-${this.#name}`;
  }

  get index(): string {
    return this.#index;
  }

  /** Without its index. */
  get baseName(): string {
    return this.#name;
  }

  get isClosed(): boolean {
    return this.#problem !== "";
  }

  takes(event: PluginEvent): boolean {
    return !this.isClosed && this.#events.has(event);
  }

  /** Waits until it has registered, then tells it how to work and hears what it wants to know. @throws {Fault} */
  async start(): Promise<void> {
    const { settings, version } = this.#parts;
    const { registrationTimeout, requestTimeout } = settings;
    try {
      const doing = `waiting ${registrationTimeout} ms for NRI plugin ${this.name} to register`;
      await waitFor(this.#registered.promise, AbortSignal.timeout(registrationTimeout), doing);
      const answer = await this.#timed("configure", {
        config: this.#launched?.config ?? "",
        runtimeName: "berth",
        runtimeVersion: version,
        nriVersion,
        registrationTimeout: BigInt(registrationTimeout),
        requestTimeout: BigInt(requestTimeout),
      });
      const events = subscriptions(answer.events);
      if (events === undefined)
        throw new Fault(
          "invalid",
          `it subscribes to events that there are not (0x${answer.events.toString(16)})`,
        );
      this.#events = events;
    } catch (error) {
      this.close(describeFault(error));
      throw during(`starting NRI plugin ${this.name}`, error);
    }
  }

  /** Shows it all pods and containers; from now on it is told what goes on. @returns what it wants changed of them. @throws {Fault} */
  async synchronize(
    pods: readonly PodSandbox[],
    containers: readonly Container[],
  ): Promise<ContainerUpdate[]> {
    try {
      const updates: ContainerUpdate[] = [];
      for (const part of inParts(pods, containers)) {
        const { update, more } = await this.#timed("synchronize", part);
        if (part.more && (update.length > 0 || !more))
          throw new Fault(
            "exhausted",
            "there are too many pods for one message, and it takes no more than one",
          );
        updates.push(...update);
      }
      this.#isActive = true;
      return updates;
    } catch (error) {
      this.close(describeFault(error));
      throw during(`synchronizing NRI plugin ${this.name}`, error);
    }
  }

  /**
   * Asks it, if it wants to know of that. One that can't answer is closed, as if it had wanted not to.
   *
   * @throws {Fault} with what it said against it
   */
  async call<Event extends PluginEvent>(
    event: Event,
    request: Request<Event>,
  ): Promise<Answer<Event> | undefined> {
    if (!this.takes(event)) return undefined;
    try {
      if (this.#byStateChange.has(event)) return await this.#tell(event, request);
      return await this.#timed(event, request);
    } catch (error) {
      if (isFault(error, "unimplemented")) return await this.#tell(event, request);
      if (!this.#isBroken(error)) throw during(`NRI plugin ${this.name} refused ${eventName(event)}`, error);
      const why = describeFault(during(eventName(event), error));
      this.#parts.log.error(
        { plugin: this.name, err: why },
        "an NRI plugin is closed, what it was asked goes on without it",
      );
      this.close(why);
      return undefined;
    }
  }

  /** Counts a container that it has adjusted. */
  adjusted(): void {
    this.#counts.adjusted++;
    this.#parts.observer?.changed(this.name, "adjustment");
  }

  /** Says goodbye to it, for as long as that takes, but no longer than `patience`. */
  async shutDown(patience: Ms): Promise<void> {
    if (!this.isClosed) await this.#calls.shutdown({}, { timeout: patience }).catch(() => undefined);
    this.close("the daemon has ended");
  }

  close(problem: string): void {
    if (this.isClosed) return;
    this.#problem = problem;
    this.#isActive = false;
    const reason = new Fault("unavailable", problem);
    this.#registered.reject(reason);
    this.#stopping.abort(reason);
    this.#mux.close(reason);
    this.#launched?.end();
    this.#parts.log.info({ plugin: this.name, problem }, "an NRI plugin is gone");
  }

  report(): NriPluginReport {
    return {
      name: this.name,
      kind: this.#launched === undefined ? "external" : "launched",
      pid: this.#pid,
      state: this.isClosed ? "closed" : this.#isActive ? "active" : "starting",
      problem: this.#problem,
      events: [...this.#events].map(eventName),
      since: this.#since,
      ...this.#counts,
      lastError: this.#lastError,
    };
  }

  /** @throws {Fault} invalid; wrongState for another time: its name stays */
  #register(index: string, name: string): void {
    if (this.#isRegistered) throw new Fault("wrongState", "it has registered already");
    if (this.#launched === undefined) {
      if (!/^[0-9]{2}$/.test(index)) throw this.#refused(`"${index}" is no index of two digits`);
      if (!/^[a-zA-Z0-9_.+-]+$/.test(name))
        throw this.#refused(`"${name}" is no name of letters, digits and _.+-`);
      this.#index = index;
      this.#name = name;
    }
    this.#isRegistered = true;
    this.#registered.resolve();
  }

  #refused(why: string): Fault {
    const fault = new Fault("invalid", `registering: ${why}`);
    this.#registered.reject(fault);
    return fault;
  }

  async #timed<Event extends keyof Calls>(event: Event, request: Request<Event>): Promise<Answer<Event>> {
    const began = performance.now();
    const call = this.#calls[event] as (
      of: Request<Event>,
      options: { timeout: Ms },
    ) => Promise<Answer<Event>>;
    const called = (isFailed: boolean) =>
      this.#parts.observer?.called(this.name, eventName(event), performance.now() - began, isFailed);
    this.#counts.calls++;
    try {
      const answer = await call(request, { timeout: this.#parts.settings.requestTimeout });
      called(false);
      return answer;
    } catch (error) {
      const isFailed = !isFault(error, "unimplemented"); // it is asked in another way
      if (isFailed) {
        this.#counts.errors++;
        this.#lastError = `${eventName(event)}: ${describeFault(error)}`;
      }
      called(isFailed);
      throw error;
    }
  }

  /** Says it in the form that older plugins know; nothing comes back in that. */
  async #tell(
    event: PluginEvent,
    request: { pod?: PodSandbox | undefined; container?: Container | undefined },
  ): Promise<undefined> {
    this.#byStateChange.add(event);
    const changed = stateChange(event);
    if (changed === undefined) return;
    await this.#timed("stateChange", { event: changed, pod: request.pod, container: request.container });
  }

  /** It didn't answer, or what it said can't be read: a refusal of its own has no cause. */
  #isBroken(error: unknown): boolean {
    return (
      this.#client.isClosed ||
      isFault(error, "deadline") ||
      (error instanceof Fault && error.cause !== undefined)
    );
  }
}

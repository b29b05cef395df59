import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, openSync, rmSync, type WriteStream } from "node:fs";
import { createServer } from "node:net";
import { Fault } from "../../src/base/fault.ts";
import { processIdentity } from "../../src/linux/process-identity.ts";
import { SandboxService } from "../../src/wire/gen/sandbox.v1.ts";
import { EventsService, TaskEvent } from "../../src/wire/gen/shim-events.v1.ts";
import { TaskService } from "../../src/wire/gen/task.v2.ts";
import { TtrpcClient } from "../../src/wire/ttrpc/client.ts";
import { serveTtrpc, ttrpcService } from "../../src/wire/ttrpc/server.ts";
import { faultOf } from "../../src/wire/ttrpc/status.ts";
import { dropContainer, noteContainer, noteSandbox } from "./books.ts";
import { type Entry, fromJson, Roles, type ShimMethod, subjectOf } from "./recording.ts";

/** Calls that ask, and change nothing: how often they come is no part of what was recorded. */
const questions: readonly ShimMethod[] = [
  ...(["state", "wait", "pids", "stats", "connect"] as const),
  ...(["platform", "waitSandbox", "sandboxStatus", "pingSandbox", "sandboxMetrics"] as const),
];
/** Calls that may come once more than they did. */
const repeatable: readonly ShimMethod[] = ["kill", "closeIo", "resizePty", "shutdown"];

/** Of a sandbox: once one is answered it is gone. */
const endings: readonly ShimMethod[] = ["wait", "delete", "shutdown", "stopSandbox", "shutdownSandbox"];

interface Recorded {
  readonly index: number;
  readonly method: ShimMethod;
  readonly subject: string;
  /** Of its answer. */
  answeredAt: number;
  answer: object;
  isUsed: boolean;
}

/** A call that waits for its turn. */
interface Waiting {
  readonly recorded: Recorded;
  go(): void;
}

/** Answers as a recorded shim did, once for each pod. */
export class Player {
  readonly #entries: readonly Entry[];
  readonly #calls: readonly Recorded[];
  readonly #roles = new Roles();
  readonly #waiting = new Set<Waiting>();
  readonly #streams = new Map<string, Partial<Record<"stdout" | "stderr", WriteStream>>>();
  readonly #passed = new Set<number>();
  readonly #books: string;
  #machine: ChildProcess | undefined;
  #daemon: TtrpcClient | undefined;

  /** @param books a file for what is told to the shim's program, should the shim be killed */
  constructor(entries: readonly Entry[], books: string) {
    this.#entries = entries;
    this.#books = books;
    this.#calls = callsIn(entries);
  }

  async serve(socket: string): Promise<void> {
    const signal = new AbortController().signal;
    this.#daemon = await TtrpcClient.connect(process.env.TTRPC_ADDRESS ?? "", signal);
    const handlers = (service: object) =>
      Object.fromEntries(
        Object.keys(service).map((method) => [
          method,
          (request: object) => this.#answer(method as ShimMethod, request),
        ]),
      ) as never;
    const server = createServer();
    const tasks = ttrpcService(TaskService, handlers(TaskService));
    const sandboxes = ttrpcService(SandboxService, handlers(SandboxService));
    serveTtrpc(server, new Map([...tasks, ...sandboxes]), signal);
    server.listen(socket);
  }

  async #answer(method: ShimMethod, request: object): Promise<object> {
    const named = this.#roles.named(request);
    const subject = subjectOf(named);
    if (method === "create" || method === "exec") this.#open(subject, request);
    if (method === "create") this.#noteCreate(subject, request);
    if (method === "createSandbox") this.#noteSandbox(request);
    const recorded = this.#next(method, subject);
    if (recorded === undefined) {
      if (method === "shutdown") setImmediate(() => process.exit(0));
      if (repeatable.includes(method)) return {};
      throw new Fault("internal", `the recording has no ${method} of ${subject}`);
    }
    recorded.isUsed = true;
    this.#advance();
    await this.#turn(recorded);
    if ("error" in recorded.answer) throw faultOf(recorded.answer.error as Parameters<typeof faultOf>[0]);
    if (method === "wait") await this.#close(subject);
    if (endings.includes(method) && subject === "sandbox") this.#endMachine();
    if (method === "delete") this.#noteDelete(request);
    if (method === "shutdown") setImmediate(() => process.exit(0));
    const { response } = recorded.answer as { response: object };
    return this.#here(method, this.#roles.withIds(fromJson<object>(response)));
  }

  /** The next that was recorded of that kind, or of a question the last once more. */
  #next(method: ShimMethod, subject: string): Recorded | undefined {
    const alike = this.#calls.filter((call) => call.method === method && call.subject === subject);
    const next = alike.find(({ isUsed }) => !isUsed);
    return next ?? (questions.includes(method) ? alike.at(-1) : undefined);
  }

  async #turn(recorded: Recorded): Promise<void> {
    if (this.#isDue(recorded.answeredAt, recorded.subject)) return;
    await new Promise<void>((go) => this.#waiting.add({ recorded, go }));
  }

  /** What came at `index` then may come now: all has come of the same container or command that came before it. */
  #isDue(index: number, subject: string): boolean {
    return !this.#calls.some(
      (call) => call.index < index && call.subject === subject && !call.isUsed && this.#counts(call),
    );
  }

  /** Whether others wait for it: a signal that was sent again did nothing. */
  #counts({ method, subject, index }: Recorded): boolean {
    if (questions.includes(method)) return false;
    if (!repeatable.includes(method)) return true;
    const first = this.#calls.find((call) => call.method === method && call.subject === subject);
    return first?.index === index;
  }

  #advance(): void {
    for (const [index, entry] of this.#entries.entries()) {
      const subject = "output" in entry ? entry.of : "event" in entry ? entry.container : undefined;
      if (subject === undefined || this.#passed.has(index) || !this.#isDue(index, subject)) continue;
      this.#passed.add(index);
      if ("output" in entry) this.#streams.get(subject)?.[entry.output]?.write(entry.text);
      else if ("event" in entry) this.#tell(entry.event, this.#roles.idOf(subject));
    }
    for (const waiting of this.#waiting) {
      const { answeredAt, subject } = waiting.recorded;
      if (!this.#isDue(answeredAt, subject)) continue;
      this.#waiting.delete(waiting);
      waiting.go();
    }
  }

  #tell(topic: string, containerId: string): void {
    const value = TaskEvent.encode({ containerId }).finish();
    const envelope = { timestamp: undefined, namespace: "k8s.io", topic, event: { typeUrl: "", value } };
    void this.#daemon
      ?.calls(EventsService)
      .forward({ envelope })
      .catch(() => undefined); // a daemon that is away hears of no events
  }

  #open(subject: string, request: { stdout?: string; stderr?: string }): void {
    const streams: Partial<Record<"stdout" | "stderr", WriteStream>> = {};
    for (const output of ["stdout", "stderr"] as const) {
      const path = request[output] ?? "";
      if (path !== "") streams[output] = createWriteStream(path, { fd: openSync(path, "r+") });
    }
    this.#streams.set(subject, streams);
  }

  async #close(subject: string): Promise<void> {
    const streams = Object.values(this.#streams.get(subject) ?? {});
    this.#streams.delete(subject);
    await Promise.all(streams.map((stream) => once(stream.end(), "close")));
  }

  #noteCreate(subject: string, { id = "", bundle = "" }: { id?: string; bundle?: string }): void {
    if (subject === "sandbox") this.#startMachine(id, bundle);
    else noteContainer(this.#books, id, bundle);
  }

  #noteSandbox({ sandboxId = "", bundlePath = "" }: { sandboxId?: string; bundlePath?: string }): void {
    this.#startMachine(sandboxId, bundlePath);
  }

  #noteDelete({ id = "", execId = "" }: { id?: string; execId?: string }): void {
    if (execId === "") dropContainer(this.#books, id);
  }

  #startMachine(id: string, bundle: string): void {
    this.#machine = spawn("sleep", ["infinity"], { detached: true, stdio: "ignore" });
    const machine = processIdentity(this.#machine.pid ?? 0);
    if (machine !== undefined) noteSandbox(this.#books, machine, id, bundle);
  }

  #endMachine(): void {
    this.#machine?.kill("SIGKILL");
    rmSync(this.#books, { force: true });
  }

  /** The answer with what is of this machine: pids, and times, where they say that something has happened. */
  #here(method: ShimMethod, response: object): object {
    const pid = this.#machine?.pid ?? 0;
    const { exitedAt, processes } = response as { exitedAt?: object; processes?: object[] };
    const now = { seconds: BigInt(Math.floor(Date.now() / 1000)), nanos: 0 };
    return {
      ...response,
      ...("pid" in response && response.pid !== 0 ? { pid } : {}),
      ...(exitedAt === undefined ? {} : { exitedAt: now }),
      ...(processes === undefined ? {} : { processes: processes.map((process) => ({ ...process, pid })) }),
      ...(method === "connect" ? { shimPid: process.pid, taskPid: pid } : {}),
    };
  }
}

function callsIn(entries: readonly Entry[]): Recorded[] {
  const calls = new Map<number, Recorded>();
  for (const [index, entry] of entries.entries()) {
    if ("call" in entry) {
      const { call, method, request } = entry;
      const unanswered = { answeredAt: Number.POSITIVE_INFINITY, answer: {} };
      calls.set(call, { index, method, subject: subjectOf(request), ...unanswered, isUsed: false });
    } else if ("answer" in entry) {
      const call = calls.get(entry.answer);
      if (call !== undefined) Object.assign(call, { answeredAt: index, answer: entry });
    }
  }
  return [...calls.values()].filter(({ answeredAt }) => Number.isFinite(answeredAt));
}

import type { Inspector } from "../../test/harness/inspector.ts";
import type { CpuProfile } from "./cpu-profile.ts";

interface Attached {
  readonly sessionId: string;
  readonly workerInfo: { readonly title: string };
}

interface FromWorker {
  readonly sessionId: string;
  readonly message: string;
}

/** A thread's profile. */
export interface ThreadProfile {
  readonly thread: string;
  readonly profile: CpuProfile;
}

/**
 * Profiles all threads of a daemon while something runs, those included that begin meanwhile. A thread that ends before
 * `work` does is not in it.
 *
 * @param samplingMicros a sample interrupts the thread, which costs some 100 µs
 */
export async function profileThreads(
  inspector: Inspector,
  samplingMicros: number,
  work: () => Promise<void>,
): Promise<ThreadProfile[]> {
  const workers = new Workers(inspector, samplingMicros);
  await start((method, params) => inspector.call(method, params), samplingMicros);
  await inspector.call("NodeWorker.enable", { waitForDebuggerOnStart: false });
  await work();
  const ofWorkers = await workers.stop();
  const { profile } = (await inspector.call("Profiler.stop")) as { profile: CpuProfile };
  await inspector.call("NodeWorker.disable");
  return [{ thread: "main", profile }, ...ofWorkers];
}

async function start(
  call: (method: string, params?: object) => Promise<unknown>,
  samplingMicros: number,
): Promise<void> {
  await call("Profiler.enable");
  await call("Profiler.setSamplingInterval", { interval: samplingMicros });
  await call("Profiler.start");
}

/** Sessions within the session: each worker thread has one of its own. */
class Workers {
  readonly #inspector: Inspector;
  readonly #titles = new Map<string, string>();
  readonly #answers = new Map<string, (result: unknown) => void>();
  readonly #samplingMicros: number;
  #calls = 0;

  constructor(inspector: Inspector, samplingMicros: number) {
    this.#inspector = inspector;
    this.#samplingMicros = samplingMicros;
    inspector.listen((method, params) => {
      if (method === "NodeWorker.attachedToWorker") this.#attached(params as Attached);
      if (method === "NodeWorker.detachedFromWorker") this.#detached((params as FromWorker).sessionId);
      if (method === "NodeWorker.receivedMessageFromWorker") this.#receive(params as FromWorker);
    });
  }

  #attached({ sessionId, workerInfo }: Attached): void {
    this.#titles.set(sessionId, workerInfo.title);
    void start((method, params) => this.#call(sessionId, method, params), this.#samplingMicros);
  }

  /** Nobody answers any more. */
  #detached(sessionId: string): void {
    this.#titles.delete(sessionId);
    for (const [key, answer] of this.#answers) if (key.startsWith(`${sessionId} `)) answer(undefined);
  }

  #receive({ sessionId, message }: FromWorker): void {
    const { id, result } = JSON.parse(message) as { id?: number; result?: unknown };
    const key = `${sessionId} ${id}`;
    this.#answers.get(key)?.(result);
    this.#answers.delete(key);
  }

  #call(sessionId: string, method: string, params: object = {}): Promise<unknown> {
    const id = ++this.#calls;
    const answered = new Promise((resolve) => this.#answers.set(`${sessionId} ${id}`, resolve));
    const message = JSON.stringify({ id, method, params });
    return this.#inspector
      .call("NodeWorker.sendMessageToWorker", { sessionId, message })
      .then(() => answered);
  }

  async stop(): Promise<ThreadProfile[]> {
    const stopped = [...this.#titles].map(async ([sessionId, title]) => {
      const answer = (await this.#call(sessionId, "Profiler.stop")) as { profile: CpuProfile } | undefined;
      return answer === undefined ? [] : [{ thread: title, profile: answer.profile }];
    });
    return (await Promise.all(stopped)).flat();
  }
}

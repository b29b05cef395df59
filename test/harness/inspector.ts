import { readFileSync } from "node:fs";

/** What a process uses once its garbage is collected. */
export interface MemoryUse {
  readonly heapBytes: number;
  readonly residentBytes: number;
}

/**
 * Collects a daemon's garbage and asks for its memory, through Node's inspector.
 *
 * @param logFile where the daemon, started with `--inspect`, said its debugger's address
 */
export async function memoryAfterCollection(logFile: string): Promise<MemoryUse> {
  using inspector = await Inspector.open(logFile);
  await inspector.call("HeapProfiler.enable");
  for (let twice = 0; twice < 2; twice++) await inspector.call("HeapProfiler.collectGarbage");
  const expression = "JSON.stringify(process.memoryUsage())";
  const answer = (await inspector.call("Runtime.evaluate", { expression })) as Evaluated;
  const { heapUsed, rss } = JSON.parse(answer.result.value) as { heapUsed: number; rss: number };
  return { heapBytes: heapUsed, residentBytes: rss };
}

interface Evaluated {
  readonly result: { readonly value: string };
}

interface Message {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
  readonly method?: string;
  readonly params?: unknown;
}

/** A session of the Chrome DevTools protocol with a daemon that was started with `--inspect`. */
export class Inspector implements Disposable {
  readonly #socket: WebSocket;
  readonly #pending = new Map<number, (message: Message) => void>();
  readonly #listeners: ((method: string, params: unknown) => void)[] = [];
  #calls = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", (event) => this.#receive(JSON.parse(String(event.data)) as Message));
  }

  /** @param logFile where the daemon said its debugger's address */
  static open(logFile: string): Promise<Inspector> {
    return Inspector.openAt(readFileSync(logFile, "utf8"));
  }

  /** @param said what a daemon printed, its debugger's address last */
  static async openAt(said: string): Promise<Inspector> {
    const address = said.match(/ws:\/\/\S+/g)?.at(-1);
    if (address === undefined) throw new Error("the daemon was not started with --inspect");
    const socket = new WebSocket(address);
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve);
      socket.addEventListener("error", reject);
    });
    return new Inspector(socket);
  }

  #receive(message: Message): void {
    if (message.id !== undefined) {
      this.#pending.get(message.id)?.(message);
      this.#pending.delete(message.id);
    } else if (message.method !== undefined) {
      for (const listener of this.#listeners) listener(message.method, message.params);
    }
  }

  /** Calls a method. @throws {Error} what the other side says of it */
  call(method: string, params: object = {}): Promise<unknown> {
    const id = ++this.#calls;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, ({ result, error }) => {
        if (error === undefined) resolve(result);
        else reject(new Error(`${method}: ${error.message}`));
      });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  /** Told of every event from now on. */
  listen(listener: (method: string, params: unknown) => void): void {
    this.#listeners.push(listener);
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

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
  const address = readFileSync(logFile, "utf8")
    .match(/ws:\/\/\S+/g)
    ?.at(-1);
  if (address === undefined) throw new Error("the daemon was not started with --inspect");
  const socket = new WebSocket(address);
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve);
    socket.addEventListener("error", reject);
  });
  try {
    await call(socket, 1, "HeapProfiler.enable", {});
    for (const id of [2, 3]) await call(socket, id, "HeapProfiler.collectGarbage", {});
    const answer = await call(socket, 4, "Runtime.evaluate", {
      expression: "JSON.stringify(process.memoryUsage())",
    });
    const { heapUsed, rss } = JSON.parse(answer.result.value) as { heapUsed: number; rss: number };
    return { heapBytes: heapUsed, residentBytes: rss };
  } finally {
    socket.close();
  }
}

interface Evaluated {
  readonly result: { readonly value: string };
}

/** One call of the Chrome DevTools protocol. */
function call(socket: WebSocket, id: number, method: string, params: object): Promise<Evaluated> {
  return new Promise((resolve, reject) => {
    const onMessage = (event: MessageEvent) => {
      const message = JSON.parse(String(event.data)) as {
        id?: number;
        result: Evaluated;
        error?: { message: string };
      };
      if (message.id !== id) return;
      socket.removeEventListener("message", onMessage);
      if (message.error === undefined) resolve(message.result);
      else reject(new Error(`${method}: ${message.error.message}`));
    };
    socket.addEventListener("message", onMessage);
    socket.send(JSON.stringify({ id, method, params }));
  });
}

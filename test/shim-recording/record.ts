/**
 * A shim's program that records another's: `node record.ts SHIM RECORDING …` takes what a shim takes. Daemon and shim talk
 * through it. For `start` it stays between the two; anything else is the shim's own affair.
 */
import { spawn, spawnSync } from "node:child_process";
import {
  appendFileSync,
  createWriteStream,
  existsSync,
  openSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { createServer, Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseBootstrap } from "../../src/runtime/shim/bootstrap.ts";
import { SandboxService } from "../../src/wire/gen/sandbox.v1.ts";
import { EventsService, TaskEvent } from "../../src/wire/gen/shim-events.v1.ts";
import { TaskService } from "../../src/wire/gen/task.v2.ts";
import { TtrpcClient } from "../../src/wire/ttrpc/client.ts";
import { serveTtrpc, type TtrpcServices, ttrpcService } from "../../src/wire/ttrpc/server.ts";
import { statusOf } from "../../src/wire/ttrpc/status.ts";
import { type ByMethod, type Entry, Roles, type ShimMethod, subjectOf, toJson } from "./recording.ts";

const [shim = "", recording = "", ...args] = process.argv.slice(2);
const forever = new AbortController().signal;
/** How long a start may take on a machine that does other things, too. */
const startMs = 20_000;
/** How long what a shim wrote at the end may be on its way. */
const drainMs = 200;

/** What the two processes tell one another by; in the bundle, which is the working directory. */
const files = {
  calls: join(process.cwd(), "c.sock"),
  events: join(process.cwd(), "e.sock"),
  /** Where the shim listens. */
  shim: join(process.cwd(), "recorder-shim"),
};

/** What was seen before there was a container or a sandbox: a shim may be started to be asked a question alone. */
const heldBack: Entry[] = [];
let isInUse = false;

if (args.at(-1) === "start") await start();
else if (args[0] === "serve") await serve();
else process.exitCode = spawnSync(shim, args, { stdio: "inherit" }).status ?? 1;

async function start(): Promise<void> {
  const script = process.argv[1] as string;
  const service = spawn(process.execPath, [script, shim, recording, "serve"], {
    detached: true,
    stdio: "ignore",
  });
  service.unref();
  for (const until = performance.now() + startMs; !existsSync(files.calls); await sleep(10))
    if (performance.now() > until) throw new Error(`nothing listens at ${files.calls}`);
  const env = { ...process.env, TTRPC_ADDRESS: files.events };
  const { stdout, stderr, status } = spawnSync(shim, args, { env, stdio: ["inherit", "pipe", "pipe"] });
  process.stderr.write(stderr);
  if (status !== 0) {
    service.kill();
    process.exitCode = status ?? 1;
    return;
  }
  writeFileSync(files.shim, stdout);
  const { version } = parseBootstrap(stdout);
  process.stdout.write(JSON.stringify({ version, address: `unix://${files.calls}`, protocol: "ttrpc" }));
}

function record(entry: Entry): void {
  heldBack.push(entry);
  isInUse ||= "method" in entry && ["create", "createSandbox"].includes(entry.method);
  if (!isInUse) return;
  for (const held of heldBack.splice(0)) appendFileSync(recording, `${JSON.stringify(held)}\n`);
}

async function serve(): Promise<void> {
  const roles = new Roles();
  const daemon = await TtrpcClient.connect(process.env.TTRPC_ADDRESS ?? "", forever);
  const events = createServer();
  const told = daemon.calls(EventsService);
  serveTtrpc(
    events,
    ttrpcService(EventsService, {
      async forward(request) {
        const { topic = "", event } = request.envelope ?? {};
        const { containerId } = TaskEvent.decode(event?.value ?? new Uint8Array());
        record({ event: topic, container: containerId === "" ? "" : roles.container(containerId) });
        return await told.forward(request);
      },
    }),
    forever,
  );
  events.listen(files.events);
  const calls = createServer();
  const ended = serveCalls(calls, roles);
  calls.listen(files.calls);
  await ended;
  process.exit(0);
}

type Calls = ByMethod<(request: object, options?: object) => Promise<object>>;

/** Settles when the shim is gone. */
function serveCalls(server: ReturnType<typeof createServer>, roles: Roles): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let connected: Promise<Calls> | undefined;
  const connect = async (): Promise<Calls> => {
    const { socket, version } = parseBootstrap(readFileSync(files.shim));
    const client = await TtrpcClient.connect(socket, forever);
    void client.closed.then(() => sleep(drainMs)).then(resolve);
    const tasks = client.calls(TaskService, `containerd.task.v${version}.Task`);
    return { ...tasks, ...client.calls(SandboxService) } as unknown as Calls;
  };
  let count = 0;
  const closers = new Map<string, () => void>();
  const forward = (method: ShimMethod) => async (request: object) => {
    connected ??= connect();
    const shimsCalls = await connected;
    const call = ++count;
    const named = roles.named(request);
    record({ call, method, request: toJson(named) });
    const passed =
      method === "create" || method === "exec" ? teed(request, subjectOf(named), closers) : request;
    try {
      const response = await shimsCalls[method](passed, { isBackground: true });
      if (method === "wait") {
        await sleep(drainMs);
        closers.get(subjectOf(named))?.();
      }
      record({ answer: call, response: toJson(roles.named(response)) });
      return response;
    } catch (error) {
      const { code, message } = statusOf(error);
      record({ answer: call, error: { code, message } });
      throw error;
    }
  };
  const handlers = (service: object) =>
    Object.fromEntries(
      Object.keys(service).map((method) => [method, forward(method as ShimMethod)]),
    ) as never;
  const tasks = bothVersions(ttrpcService(TaskService, handlers(TaskService)));
  const sandboxes = ttrpcService(SandboxService, handlers(SandboxService));
  serveTtrpc(server, new Map([...tasks, ...sandboxes]), forever);
  return promise;
}

function bothVersions(services: TtrpcServices): TtrpcServices {
  return new Map(
    [...services].flatMap(([name, served]) => [
      [name, served],
      [name.replace(".v2.", ".v3."), served],
    ]),
  );
}

/** The request with FIFOs of the recorder's as output, which passes on what comes. */
function teed(request: object, of: string, closers: Map<string, () => void>): object {
  const made: Record<string, string> = {};
  const ends = new DisposableStack();
  for (const output of ["stdout", "stderr"] as const) {
    const target = (request as Record<string, string>)[output] ?? "";
    if (target === "") continue;
    const fifo = join(process.cwd(), `recorder-${of.replaceAll(/[ ,]+/g, "-")}-${output}`);
    spawnSync("mkfifo", [fifo]);
    const from = new Socket({ fd: openSync(fifo, "r+"), readable: true, writable: false });
    const to = createWriteStream(target);
    from.on("data", (bytes: Buffer) => {
      record({ output, of, text: bytes.toString("utf8") });
      to.write(bytes);
    });
    ends.defer(() => {
      from.destroy();
      to.end();
    });
    made[output] = fifo;
  }
  closers.set(of, () => ends.dispose());
  return { ...request, ...made };
}

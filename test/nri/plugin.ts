/**
 * An NRI plugin of which a test decides what it does: a real process on a real connection, which it finds as plugins do (file
 * descriptor 3, or a socket) and speaks as they do.
 *
 * It is told by its configuration (launched) or its first argument where `behaviour.json` lies, which is read anew for each call, and
 * writes what it hears into `heard.jsonl` beside it.
 */
import { appendFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { connect, Socket } from "node:net";
import { join } from "node:path";
import * as messages from "../../src/wire/gen/nri.v1alpha1.ts";
import { Multiplexer, nriConnections } from "../../src/wire/nri/multiplexer.ts";
import { TtrpcClient } from "../../src/wire/ttrpc/client.ts";
import { serveTtrpcOn, ttrpcService } from "../../src/wire/ttrpc/server.ts";
import type { NriBehaviour } from "../harness/nri-plugin.ts";

const [, , given, socket = "", index = ""] = process.argv;
let directory = given ?? "";

const trunk = process.env.NRI_PLUGIN_SOCKET ? new Socket({ fd: 3 }) : connect(socket);
const mux = new Multiplexer(trunk);
void mux.closed.then(() => {
  if (behaviour().clings) setInterval(() => undefined, 60_000);
  else process.exit(0);
});

function behaviour(): NriBehaviour {
  return JSON.parse(readFileSync(join(directory, "behaviour.json"), "utf8"), revive);
}

/** JSON has no numbers of 64 bits. */
function revive(_: string, value: unknown): unknown {
  return typeof value === "string" && /^-?[0-9]+n$/.test(value) ? BigInt(value.slice(0, -1)) : value;
}

function heard(event: string, request: object): void {
  const text = JSON.stringify({ event, request }, (_, value) =>
    typeof value === "bigint" ? `${value}n` : value,
  );
  appendFileSync(join(directory, "heard.jsonl"), `${text}\n`);
}

type Methods = typeof messages.PluginService;

/** Makes a message of what is given of it. */
interface MessageType {
  readonly fromPartial?: (given: object) => object;
}

async function answer(event: keyof Methods, request: object): Promise<object> {
  if (event === "configure") directory ||= JSON.parse((request as { config: string }).config).directory;
  heard(event, request);
  const { answers = {}, hangs = [], dies = [], babbles = [], refuses = {}, events = 0 } = behaviour();
  if (dies.includes(event)) process.kill(process.pid, "SIGKILL");
  if (babbles.includes(event)) trunk.write(Buffer.alloc(64, 0xff));
  if (hangs.includes(event) || babbles.includes(event)) return await new Promise<never>(() => undefined);
  const refusal = refuses[event];
  if (refusal !== undefined) throw new Error(refusal);
  if (event === "configure") return { events };
  if (event === "synchronize") return { update: [], more: (request as { more: boolean }).more };
  const type = `${event.charAt(0).toUpperCase()}${event.slice(1)}Response`;
  const { fromPartial = (of: object) => of } =
    (messages as unknown as Record<string, MessageType>)[type] ?? {};
  return fromPartial(answers[event] ?? {});
}

const handlers = Object.fromEntries(
  Object.keys(messages.PluginService).map((event) => [
    event,
    (request: object) => answer(event as keyof Methods, request),
  ]),
);
serveTtrpcOn(
  mux.open(nriConnections.plugin),
  ttrpcService(messages.PluginService, handlers as never),
  new AbortController().signal,
);
const runtime = new TtrpcClient(mux.open(nriConnections.runtime)).calls(messages.RuntimeService);
await runtime.registerPlugin({ pluginName: "asked", pluginIdx: index });

// what it asks for by itself: a file for each time, answered by another
if (directory !== "") watchRequests();

function watchRequests(): void {
  const asked = join(directory, "ask.json");
  setInterval(async () => {
    if (!existsSync(asked)) return;
    const request = messages.UpdateContainersRequest.fromPartial(
      JSON.parse(readFileSync(asked, "utf8"), revive),
    );
    rmSync(asked);
    const { failed } = await runtime.updateContainers(request);
    const answer = join(directory, "failed.json");
    writeFileSync(`${answer}.new`, JSON.stringify(failed.map(({ containerId }) => containerId)));
    renameSync(`${answer}.new`, answer);
  }, 20);
}

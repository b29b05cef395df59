/**
 * A shim's program that plays a recording: `node play.ts RECORDING BOOKS …` takes what a shim takes. It answers as the recorded
 * shim did, each answer once all has come that came before it then. It runs nothing but a process that stands for the virtual machine:
 * every pid that is told is that one's. In the directory BOOKS is a file for each sandbox that there is.
 */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sandboxIdAnnotation } from "../../src/spec/cri/annotations.ts";
import { cleanUp } from "./books.ts";
import { Player } from "./player.ts";
import { readRecording } from "./recording.ts";

const [recording = "", books = "", ...args] = process.argv.slice(2);
/** How long a start may take on a machine that does other things, too. */
const startMs = 20_000;
const socket = join(process.cwd(), "p.sock");

if (args.at(-1) === "start") await start();
else if (args.includes("serve")) await new Player(readRecording(recording), booksHere()).serve(socket);
else if (args.at(-1) === "delete") cleanUp(booksHere(), args[args.indexOf("-id") + 1] ?? "");

async function start(): Promise<void> {
  const script = process.argv[1] as string;
  rmSync(socket, { force: true });
  // by the same options as any shim's process, the daemon knows it
  const passed = [script, recording, books, ...args.slice(0, -1), "serve"];
  spawn(process.execPath, passed, { detached: true, stdio: "ignore" }).unref();
  for (const until = performance.now() + startMs; !existsSync(socket); await sleep(5))
    if (performance.now() > until) throw new Error(`nothing listens at ${socket}`);
  process.stdout.write(`unix://${socket}`);
}

/** Of the sandbox that the shim's or a container's directory is for, which is where shims are run. */
function booksHere(): string {
  const { annotations } = JSON.parse(readFileSync("config.json", "utf8"));
  return join(books, annotations[sandboxIdAnnotation]);
}

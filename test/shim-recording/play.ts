/**
 * A shim's program that plays a recording: `node play.ts RECORDING …` takes what a shim takes. It answers as the recorded shim
 * did, each answer once all has come that came before it then. It runs nothing but a process that stands for the virtual machine:
 * every pid that is told is that one's.
 */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { killIfSame } from "../../src/linux/kill-if-there.ts";
import { machineFile, Player } from "./player.ts";
import { readRecording } from "./recording.ts";

const [recording = "", ...args] = process.argv.slice(2);
/** How long a start may take on a machine that does other things, too. */
const startMs = 20_000;
const socket = join(process.cwd(), "p.sock");

if (args.at(-1) === "start") await start();
else if (args.includes("serve")) await new Player(readRecording(recording)).serve(socket);
else if (args.at(-1) === "delete") endMachine();

async function start(): Promise<void> {
  const script = process.argv[1] as string;
  rmSync(socket, { force: true });
  // by the same options as any shim's process, the daemon knows it
  const passed = [script, recording, ...args.slice(0, -1), "serve"];
  spawn(process.execPath, passed, { detached: true, stdio: "ignore" }).unref();
  for (const until = performance.now() + startMs; !existsSync(socket); await sleep(5))
    if (performance.now() > until) throw new Error(`nothing listens at ${socket}`);
  process.stdout.write(`unix://${socket}`);
}

/** The shim was killed: its program is to take away what it had. */
function endMachine(): void {
  if (!existsSync(machineFile)) return; // another container than the sandbox's
  killIfSame(JSON.parse(readFileSync(machineFile, "utf8")));
}

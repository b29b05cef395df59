import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import type { ContainerId, PodSandboxId } from "../../base/ids.ts";
import { mergeLayers } from "../../config/merge.ts";
import type { Config } from "../../config/schema.ts";
import { settings } from "../../config/settings.ts";
import type { WantedStreams } from "../../runtime/contract.ts";
import type { StreamServer } from "../contract.ts";
import { openStreamServer } from "../server.ts";
import { hostTargets } from "./host-targets.ts";

const nothing: WantedStreams = { stdin: false, stdout: false, stderr: false, tty: false };

/** A real stream server on this host's programs and ports, until disposed of. */
export interface Serving extends AsyncDisposable {
  readonly server: StreamServer;
  /** Where its certificate lies, below `streams`. */
  readonly root: string;
  /** How many commands run. */
  readonly running: () => number;
  execUrl(command: readonly string[], wanted: Partial<WantedStreams>): string;
  forwardUrl(...ports: readonly number[]): string;
}

export async function serving(changed: Partial<Config["streaming"]> = {}): Promise<Serving> {
  await using opened = new AsyncDisposableStack();
  const root = opened.adopt(mkdtempSync(join(tmpdir(), "berth-streams-")), async (directory) =>
    rmSync(directory, { recursive: true }),
  );
  const defaults = mergeLayers(settings, []).config.streaming;
  const targets = hostTargets();
  const log = pino({ level: "silent" });
  const server = opened.use(await openStreamServer({ ...defaults, ...changed }, root, { targets, log }));
  const all = opened.move();
  return {
    server,
    root,
    running: targets.running,
    execUrl: (command, wanted) =>
      server.urlFor({ kind: "exec", id: "c" as ContainerId, command, ...nothing, ...wanted }),
    forwardUrl: (...ports) => server.urlFor({ kind: "portForward", id: "p" as PodSandboxId, ports }),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

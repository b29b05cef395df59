import { lstat } from "node:fs/promises";
import { connect } from "node:net";
import { describeFault } from "../../base/fault.ts";
import type { DaemonView } from "./daemon-view.ts";

/** Asks the daemon at `socket` for its view. Never throws; what gRPC needs is loaded only when somebody listens. */
export async function askDaemon(socket: string): Promise<DaemonView> {
  const there = await lstat(socket).catch(() => undefined);
  if (there === undefined) return { kind: "absent" };
  if (!there.isSocket()) return { kind: "notASocket" };
  const refused = await connectionError(socket);
  if (refused === "ECONNREFUSED") return { kind: "stale" };
  if (refused === "EACCES") return { kind: "forbidden" };
  try {
    const { viewOf } = await import("./daemon-answers.ts");
    return await viewOf(socket);
  } catch (error) {
    return { kind: "silent", why: describeFault(error) };
  }
}

/** The errno's name of a connection to the socket; undefined when somebody takes it. */
export function connectionError(socket: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const probe = connect(socket);
    const end = (answer: string | undefined) => {
      probe.destroy();
      resolve(answer);
    };
    probe.once("connect", () => end(undefined));
    probe.once("error", (error: NodeJS.ErrnoException) => end(error.code));
  });
}

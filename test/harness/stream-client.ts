import { openStreams } from "../../src/cli/stream/open-streams.ts";
import type { SpdySession, SpdyStream } from "../../src/wire/spdy/session.ts";
import type { TestDaemon } from "./daemon.ts";

/** What an exec or an attachment wants; the streams that it has follow. */
export interface WantedOf {
  readonly containerId: string;
  readonly stdin?: boolean;
  readonly tty?: boolean;
}

/** A command's or an attachment's streams, over SPDY. */
export interface OpenedStreams {
  readonly session: SpdySession;
  readonly error: SpdyStream;
  readonly stdin: SpdyStream;
  readonly stdout: SpdyStream;
  /** Without a terminal alone. */
  readonly stderr: SpdyStream;
  /** With one. */
  readonly resize: SpdyStream;
}

/** Who is asked for them. */
export type Calls = { readonly pods: Pick<TestDaemon["pods"], "exec" | "attach" | "portForward"> };

/** Starts a command by Exec. */
export async function openExec({ pods }: Calls, wanted: WantedOf, cmd: string[]): Promise<OpenedStreams> {
  const flags = flagsOf(wanted);
  const { url } = await pods.exec({ containerId: wanted.containerId, cmd, ...flags });
  return await open(url, flags);
}

/** Joins a container's first process by Attach. */
export async function openAttach({ pods }: Calls, wanted: WantedOf): Promise<OpenedStreams> {
  const flags = flagsOf(wanted);
  const { url } = await pods.attach({ containerId: wanted.containerId, ...flags });
  return await open(url, flags);
}

const flagsOf = ({ stdin = false, tty = false }: WantedOf) => ({ stdin, tty, stdout: true, stderr: !tty });

async function open(url: string, { stdin, tty }: ReturnType<typeof flagsOf>): Promise<OpenedStreams> {
  const session = await openStreams(url, ["v4.channel.k8s.io"]);
  const stream = (isThere: boolean, streamType: string) =>
    isThere ? session.open({ streamType }) : (undefined as never); // whoever asks for it knows that it is not there
  return {
    session,
    error: stream(true, "error"),
    stdin: stream(stdin, "stdin"),
    stdout: stream(true, "stdout"),
    stderr: stream(!tty, "stderr"),
    resize: stream(tty, "resize"),
  };
}

/** A connection of PortForward, for many ports and many times. */
export async function openPorts({ pods }: Calls, podSandboxId: string): Promise<SpdySession> {
  const { url } = await pods.portForward({ podSandboxId, port: [] });
  return await openStreams(url, ["portforward.k8s.io"]);
}

/** One more connection to a port, on the same session. */
export function openPort(
  session: SpdySession,
  port: number,
  requestID: number,
): { data: SpdyStream; error: SpdyStream } {
  const headers = { port: String(port), requestID: String(requestID) };
  const error = session.open({ streamType: "error", ...headers });
  error.end();
  return { data: session.open({ streamType: "data", ...headers }), error };
}

/** All that comes, to the end of that direction or of the whole stream. */
export async function textOf(stream: SpdyStream): Promise<string> {
  let text = "";
  stream.on("data", (data) => (text += data));
  await ended(stream);
  return text;
}

export async function ended(stream: SpdyStream): Promise<void> {
  if (stream.readableEnded || stream.destroyed) return;
  await new Promise<void>((resolve) => stream.once("end", resolve).once("close", resolve));
}

/** What a command exited with, as it is told on the error stream. */
export async function exitCode(error: SpdyStream): Promise<number> {
  const status = JSON.parse(await textOf(error));
  return status.status === "Success" ? 0 : Number(status.details.causes[0].message);
}

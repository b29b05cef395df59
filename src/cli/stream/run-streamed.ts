import type { Readable, Writable } from "node:stream";
import { Fault } from "../../base/fault.ts";
import type { SpdyStream } from "../../wire/spdy/session.ts";
import { openStreams } from "./open-streams.ts";
import { followSize, passInput, rawKeyboard } from "./terminal.ts";

/** Of a command, or of a container's first process. */
export interface Streamed {
  readonly stdin: boolean;
  /** The user's terminal and the process's are one. */
  readonly tty: boolean;
  /** Ctrl-P, Ctrl-Q leave it. */
  readonly canDetach: boolean;
}

const protocol = "v4.channel.k8s.io";

/**
 * Joins the user's terminal, or input and output, with the process behind a runtime's URL until that has ended.
 *
 * @returns its exit code; 0 for an attachment that is over, undefined for one that the user left
 * @throws {Fault} unavailable when the connection breaks; internal with what the runtime says
 */
export async function runStreamed(url: string, streamed: Streamed): Promise<number | undefined> {
  const session = await openStreams(url, [protocol]);
  using ends = new DisposableStack();
  ends.defer(() => session.destroy());
  const open = (streamType: string) => session.open({ streamType });
  // in the order in which other clients open them
  const error = open("error");
  const stdin = streamed.stdin ? open("stdin") : undefined;
  const stdout = open("stdout");
  const stderr = streamed.tty ? undefined : open("stderr");
  const left = Promise.withResolvers<undefined>();
  if (streamed.tty) {
    ends.use(followSize(open("resize")));
    if (streamed.stdin) ends.use(rawKeyboard());
  }
  if (stdin !== undefined) {
    ends.use(passInput(stdin, streamed.canDetach ? () => left.resolve(undefined) : undefined));
  }
  const shown = Promise.all([show(stdout, process.stdout), stderr && show(stderr, process.stderr)]);
  const told = await Promise.race([textOf(error), left.promise]);
  if (told === undefined) return undefined;
  if (told === "") throw new Fault("unavailable", "the connection to the runtime's streams broke");
  await shown;
  return exitCodeOf(told);
}

/** Passes it on, at the pace of whoever reads; settles at its end. */
function show(from: Readable, to: Writable): Promise<void> {
  from.on("data", (data: Buffer) => {
    if (to.write(data)) return;
    from.pause();
    to.once("drain", () => from.resume());
  });
  return new Promise((resolve) => from.once("close", resolve).once("end", resolve));
}

/** All that comes on it. */
export async function textOf(stream: SpdyStream): Promise<string> {
  let text = "";
  stream.on("data", (data: Buffer) => {
    text += data.toString("utf8");
  });
  await new Promise<void>((resolve) => stream.once("end", resolve).once("close", resolve));
  return text;
}

/** What a `Status` of Kubernetes' meta/v1 says. @throws {Fault} internal with what the runtime says */
export function exitCodeOf(text: string): number {
  const status = JSON.parse(text) as {
    status?: string;
    reason?: string;
    message?: string;
    details?: { causes?: { reason?: string; message?: string }[] };
  };
  if (status.status === "Success") return 0;
  const code = status.details?.causes?.find(({ reason }) => reason === "ExitCode")?.message;
  if (status.reason === "NonZeroExitCode" && code !== undefined) return Number(code);
  throw new Fault("internal", status.message ?? text);
}

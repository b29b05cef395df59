import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { SpdySession, SpdyStream } from "../src/wire/spdy/session.ts";
import { type Calls, ended, openExec, openPort, openPorts, textOf } from "../test/harness/stream-client.ts";
import type { LivePod } from "./pod-life.ts";

const pieceBytes = 1 << 20;
/** Twice the same, so that a piece that begins anywhere in the first can be compared. */
const pattern = Buffer.concat(Array<Buffer>(2).fill(randomBytes(pieceBytes)));

/** What a client has opened: what it sends, what comes back, and what is told of it in the end. */
export class Joined {
  readonly #session: SpdySession;
  readonly #sent: SpdyStream;
  readonly #received: SpdyStream;
  readonly #error: SpdyStream;

  constructor(session: SpdySession, streams: { sent: SpdyStream; received: SpdyStream; error: SpdyStream }) {
    this.#session = session;
    this.#sent = streams.sent;
    this.#received = streams.received;
    this.#error = streams.error;
  }

  /** Sends bytes of the pattern and its end, and ends when as many have come back. @throws {Error} for other ones */
  async echo(bytes: number): Promise<void> {
    const back = this.#comparePattern(bytes);
    back.catch(() => undefined); // told below
    for (let left = bytes; left > 0; left -= pieceBytes) {
      if (!this.#sent.write(pattern.subarray(0, Math.min(left, pieceBytes))))
        await Promise.race([once(this.#sent, "drain"), back]);
    }
    this.#sent.end();
    await this.#close(); // what is told to be wrong says more than what is missing
    await back;
  }

  #comparePattern(bytes: number): Promise<void> {
    let at = 0;
    return new Promise((resolve, reject) => {
      this.#received.on("data", (data: Buffer) => {
        const from = at % pieceBytes;
        if (data.compare(pattern, from, from + data.length) !== 0)
          reject(new Error(`other bytes from ${at} on`));
        at += data.length;
      });
      const end = () => (at === bytes ? resolve() : reject(new Error(`${at} bytes came back, not ${bytes}`)));
      this.#received.once("end", end).once("close", end);
    });
  }

  async #close(): Promise<void> {
    const problem = await textOf(this.#error);
    await ended(this.#received);
    this.#session.destroy();
    if (problem !== "" && !problem.includes('"Success"')) throw new Error(problem);
  }
}

/** Runs a command in the pod's container, by Exec. */
export async function joinCommand(
  subject: Calls,
  { containerId }: Pick<LivePod, "containerId">,
  cmd: string[],
): Promise<Joined> {
  const { session, error, stdin, stdout, stderr } = await openExec(
    subject,
    { containerId, stdin: true },
    cmd,
  );
  stderr.resume();
  return new Joined(session, { error, sent: stdin, received: stdout });
}

/** Connects to a port of the pod, by PortForward. */
export async function joinPort(
  subject: Calls,
  { podSandboxId }: Pick<LivePod, "podSandboxId">,
  port: number,
): Promise<Joined> {
  const session = await openPorts(subject, podSandboxId);
  const { data, error } = openPort(session, port, 0);
  return new Joined(session, { error, sent: data, received: data });
}

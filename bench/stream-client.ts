import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { openStreams } from "../src/cli/stream/open-streams.ts";
import type { SpdySession, SpdyStream } from "../src/wire/spdy/session.ts";
import type { LivePod } from "./pod-life.ts";
import type { Subject } from "./subjects/subject.ts";

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

  /** Sends a text, and tells what comes back to its end. */
  async ask(text: string): Promise<string> {
    this.#sent.write(text);
    const answer = await textOf(this.#received);
    this.#sent.end();
    await this.#close();
    return answer;
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

/** To its end, or to that of the whole stream. */
async function textOf(stream: SpdyStream): Promise<string> {
  let text = "";
  stream.on("data", (data) => (text += data));
  await ended(stream);
  return text;
}

async function ended(stream: SpdyStream): Promise<void> {
  if (stream.readableEnded || stream.destroyed) return;
  await new Promise<void>((resolve) => stream.once("end", resolve).once("close", resolve));
}

/** Runs a command in the pod's container, by Exec. */
export async function joinCommand(subject: Subject, pod: LivePod, cmd: string[]): Promise<Joined> {
  const wanted = { stdin: true, stdout: true, stderr: false, tty: false };
  const { url } = await subject.pods.exec({ containerId: pod.containerId, cmd, ...wanted });
  const session = await openStreams(url, ["v4.channel.k8s.io"]);
  const [error, sent, received] = ["error", "stdin", "stdout"].map((streamType) =>
    session.open({ streamType }),
  );
  if (error === undefined || sent === undefined || received === undefined) throw new Error("no streams");
  return new Joined(session, { error, sent, received });
}

/** Connects to a port of the pod, by PortForward. */
export async function joinPort(subject: Subject, pod: LivePod, port: number): Promise<Joined> {
  const { url } = await subject.pods.portForward({ podSandboxId: pod.podSandboxId, port: [] });
  const session = await openStreams(url, ["portforward.k8s.io"]);
  const headers = { port: String(port), requestID: "0" };
  const error = session.open({ streamType: "error", ...headers });
  error.end();
  const data = session.open({ streamType: "data", ...headers });
  return new Joined(session, { error, sent: data, received: data });
}

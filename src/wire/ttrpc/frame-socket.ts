import type { Duplex } from "node:stream";
import { during, Fault } from "../../base/fault.ts";
import { encodeFrame, type Frame, FrameReader } from "./frames.ts";

/** A socket, or a connection within one. The latter leaves it to that whether the process stays. */
export type ByteStream = Duplex & { ref?(): unknown; unref?(): unknown };

/** What the owner of a connection learns. `closed` comes once, last. */
export interface FrameEvents {
  /** @throws {Fault} when the connection can't go on after it */
  frame(frame: Frame): void;
  closed(reason: Fault): void;
}

/** A connection as frames. It is read for as long as it is not held back, and closed by whatever is wrong with it. */
export class FrameSocket {
  readonly #socket: ByteStream;
  readonly #events: FrameEvents;
  readonly #reader = new FrameReader();
  /** Who waits for the peer to take what was sent. */
  readonly #waiting = new Set<() => void>();
  #reason: Fault | undefined;
  #isHeldBack = false;

  constructor(socket: ByteStream, events: FrameEvents) {
    this.#socket = socket;
    this.#events = events;
    socket.on("data", (chunk: Buffer) => this.#received(chunk));
    socket.on("drain", () => this.#release());
    // Whoever asks learns no more than that the other side is gone, as at its end: by which of the two is a matter of moments.
    socket.on("error", (cause) =>
      this.close(new Fault("unavailable", "the connection was broken", { cause })),
    );
    socket.on("end", () => {
      const cut = this.#reader.isCutOff ? " in the midst of a message" : "";
      this.close(new Fault("unavailable", `the connection was closed by the other side${cut}`));
    });
    socket.on("close", () => this.close(new Fault("unavailable", "the connection was closed")));
  }

  get isClosed(): boolean {
    return this.#reason !== undefined;
  }

  /** True while the peer takes less than it is sent. */
  get isCongested(): boolean {
    return this.#socket.writableNeedDrain;
  }

  /** @throws {Fault} exhausted when it is too long; unavailable when the connection is closed */
  send(frame: Frame): void {
    if (this.#reason !== undefined) throw this.#reason;
    this.#socket.write(encodeFrame(frame));
  }

  /** Settles when the peer has taken most of what was sent, or has gone. */
  async drained(): Promise<void> {
    if (!this.isCongested || this.isClosed) return;
    await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  /** Lets the peer wait with what it has to say, or go on. */
  holdBack(isHeldBack: boolean): void {
    if (this.#isHeldBack === isHeldBack || this.isClosed) return;
    this.#isHeldBack = isHeldBack;
    if (isHeldBack) this.#socket.pause();
    else this.#socket.resume();
  }

  /** What was sent before goes out first. */
  close(reason: Fault): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#socket.end();
    this.#socket.resume(); // or its end would not be seen
    this.#release();
    this.#events.closed(reason);
  }

  /** Whether it keeps the process alive. */
  ref(isNeeded: boolean): void {
    if (this.isClosed) return; // Node's would wait to be connected, each time
    if (isNeeded) this.#socket.ref?.();
    else this.#socket.unref?.();
  }

  #received(chunk: Buffer): void {
    try {
      for (const frame of this.#reader.push(chunk)) {
        if (this.isClosed) return;
        this.#events.frame(frame);
      }
    } catch (error) {
      this.close(error instanceof Fault ? error : during("reading a message", error));
      this.#socket.destroy();
    }
  }

  #release(): void {
    for (const settle of this.#waiting) settle();
    this.#waiting.clear();
  }
}

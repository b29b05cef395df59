import { fstatSync, readSync, unlinkSync } from "node:fs";
import { closeFd, errnoOf } from "../libc.ts";
import { receiveMessage } from "../socket-messages.ts";
import { bindUnixSocket, newUnixSocket } from "../unix-socket.ts";

const largest = 1 << 20;

/** A socket as systemd's and journald's, which receives only when it is asked to. */
export class DatagramReceiver implements Disposable {
  readonly path: string;
  readonly #fd: number;

  /** @param path of the file, or an abstract name, which begins with a zero byte */
  constructor(path: string) {
    this.path = path;
    this.#fd = newUnixSocket("datagrams");
    bindUnixSocket(this.#fd, path);
  }

  /** The oldest that waits: its text, or what the file holds that came with it; undefined when none waits. */
  take(): { text: Buffer; asFile: boolean } | undefined {
    try {
      const { text, descriptor } = receiveMessage(this.#fd, largest, this.path);
      if (descriptor === undefined) return { text: Buffer.from(text), asFile: false };
      const content = Buffer.alloc(fstatSync(descriptor).size);
      readSync(descriptor, content, 0, content.length, 0);
      closeFd(descriptor);
      return { text: content, asFile: true };
    } catch (error) {
      if (errnoOf(error) === "EAGAIN") return undefined;
      throw error;
    }
  }

  /** The texts of all that wait. */
  takeTexts(): string[] {
    const texts: string[] = [];
    for (let next = this.take(); next !== undefined; next = this.take()) texts.push(next.text.toString());
    return texts;
  }

  [Symbol.dispose](): void {
    closeFd(this.#fd);
    if (!this.path.startsWith("\0")) unlinkSync(this.path);
  }
}

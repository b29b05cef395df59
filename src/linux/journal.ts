import { writeSync } from "node:fs";
import type { Bytes, Ms } from "../base/units.ts";
import { DatagramSender, UnsentDatagrams } from "./datagrams.ts";
import { check, closeFd, errnoOf, libc } from "./libc.ts";
import { sendDescriptor } from "./socket-messages.ts";

const memfdCreate = libc.func("int memfd_create(const char *name, unsigned int flags)");
const fcntl = libc.func("int fcntl(int fd, int command, int argument)");
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033;
/** F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE: journald reads what nobody can change any more. */
const allSeals = 0xf;

/** Where journald takes entries. */
export const journalSocket = "/run/systemd/journal/socket";
/** What waits while journald takes nothing: some thousands of lines. */
const mostWaiting: Bytes = 2 << 20;

/** Names in capitals, digits and underscores (systemd.journal-fields(7)). MESSAGE and PRIORITY belong to each entry. */
export type JournalFields = Readonly<Record<string, string>>;

/**
 * Sends entries to systemd's journal in its own protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL). Nothing here waits:
 * what journald does not take at once is offered again, and an entry says so where some were lost.
 */
export class Journal {
  readonly #sender: DatagramSender;
  readonly #unsent: UnsentDatagrams;

  /** @param missing the entry that tells of so many lost ones */
  constructor(missing: (count: number) => JournalFields, path = journalSocket, most = mostWaiting) {
    this.#sender = new DatagramSender(path);
    this.#unsent = new UnsentDatagrams({
      send: (entry) => this.#send(entry),
      missing: (count) => encodeEntry(missing(count)),
      most,
    });
  }

  write(fields: JournalFields): void {
    this.#unsent.push(encodeEntry(fields));
  }

  /** Waits for at most `within` until all is sent, holding up this thread. */
  flush(within: Ms): void {
    this.#unsent.flush(within);
  }

  #send(entry: Buffer): void {
    try {
      this.#sender.send(entry);
    } catch (error) {
      if (errnoOf(error) !== "EMSGSIZE") throw error;
      this.#sendAsFile(entry);
    }
  }

  /** What is too large for a datagram goes in a sealed file without a name. */
  #sendAsFile(entry: Buffer): void {
    const { fd, address, path } = this.#sender;
    const file = check(memfdCreate("journal-entry", MFD_CLOEXEC | MFD_ALLOW_SEALING), "memfd_create", path);
    try {
      for (let at = 0; at < entry.length; ) at += writeSync(file, entry, at);
      check(fcntl(file, F_ADD_SEALS, allSeals), "fcntl", "F_ADD_SEALS");
      sendDescriptor(fd, address, file, path);
    } finally {
      closeFd(file);
    }
  }
}

function encodeEntry(fields: JournalFields): Buffer {
  return Buffer.concat(Object.entries(fields).map(([name, value]) => encodeField(name, value)));
}

/** `NAME=value` on a line; of a value with line ends, its length before it. */
function encodeField(name: string, value: string): Buffer {
  if (!value.includes("\n")) return Buffer.from(`${name}=${value}\n`);
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return Buffer.concat([Buffer.from(`${name}\n`), length, bytes, Buffer.from("\n")]);
}

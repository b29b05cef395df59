import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { KeyedLocks } from "../../base/lock.ts";
import { numbersOf } from "../../base/number-list.ts";
import type { Processors, ProcessorWishes } from "../contract.ts";
import { systemFault } from "../libc.ts";
import { type InterruptMasks, Interrupts } from "./interrupts.ts";
import type { Irqbalance } from "./irqbalance.ts";
import { formatMask, maskOf, parseMask } from "./masks.ts";
import { isolate, unite } from "./partitions.ts";
import { type ProcessorFile, ProcessorFiles } from "./processor-files.ts";

/** What was there before, noted before it is changed. */
interface Note {
  readonly wishes: ProcessorWishes;
  readonly interrupts: InterruptMasks;
  /** The processors that irqbalance was told to leave alone, as a mask. */
  readonly banned: string;
  /** By processor. */
  readonly files: Readonly<Record<number, Partial<Record<ProcessorFile, string>>>>;
}

const fileNames = ["resumeLatency", "governor"] as const satisfies readonly ProcessorFile[];
const all = "processors";

/**
 * The node's processors as their holders want them. Each holder has a note, in a directory that goes with a reboot, as what was
 * set does: so what was there before is brought back after a kill of the daemon, too. Holders of the same processor have the same
 * notion of what was there before, and the last one brings it back.
 */
export class HeldProcessors implements Processors {
  readonly #directory: string;
  readonly #interrupts: Interrupts;
  readonly #files: ProcessorFiles;
  readonly #irqbalance: Irqbalance;
  readonly #locks = new KeyedLocks<typeof all>();

  /** @param kernel where `/proc` and `/sys` are */
  constructor(directory: string, irqbalance: Irqbalance, kernel = { proc: "/proc", sys: "/sys" }) {
    this.#directory = directory;
    this.#irqbalance = irqbalance;
    this.#interrupts = new Interrupts(join(kernel.proc, "irq"));
    this.#files = new ProcessorFiles(join(kernel.sys, "devices/system/cpu"));
  }

  async hold(id: string, wishes: ProcessorWishes): Promise<void> {
    using _all = await this.#alone();
    const others = await this.#othersThan(id);
    const away = maskOf(wishes.withoutInterrupts ?? "");
    const files: Record<number, Partial<Record<ProcessorFile, string>>> = {};
    for (const processor of numbersOf(wishes.processors) ?? [])
      files[processor] = await this.#before(processor, wishes, others);
    const banned = away === 0n ? undefined : await this.#irqbalance.banned();
    const held: InterruptMasks = Object.assign({}, ...others.map((note) => note.interrupts));
    const found = away === 0n ? {} : await this.#interrupts.on(away);
    const interrupts = Object.fromEntries(
      Object.entries(found).map(([name, mask]) => [name, held[name] ?? mask]),
    );
    await this.#write(id, { wishes, interrupts, banned: formatMask(away & ~(banned ?? away)), files });
    if (wishes.isolatedIn !== undefined) await isolate(wishes.isolatedIn, wishes.processors);
    if (banned !== undefined) await this.#irqbalance.ban(banned | away);
    if (away !== 0n) await this.#interrupts.keepAway(Object.keys(interrupts), away);
    for (const processor of Object.keys(files).map(Number))
      for (const file of fileNames)
        if (wishes[file] !== undefined) await this.#files.write(processor, file, wishes[file]);
  }

  /** What a processor had before anybody held it. @throws {Fault} where it has no such thing */
  async #before(
    processor: number,
    wishes: ProcessorWishes,
    others: readonly Note[],
  ): Promise<Partial<Record<ProcessorFile, string>>> {
    const before: Partial<Record<ProcessorFile, string>> = {};
    if (wishes.governor !== undefined) await this.#files.requireGovernor(processor, wishes.governor);
    for (const file of fileNames) {
      if (wishes[file] === undefined) continue;
      const held = others.map(({ files }) => files[processor]?.[file]).find((value) => value !== undefined);
      before[file] = held ?? (await this.#files.read(processor, file));
    }
    return before;
  }

  async release(id: string): Promise<void> {
    using _all = await this.#alone();
    const note = await this.#read(id);
    if (note === undefined) return;
    const others = await this.#othersThan(id);
    const othersAway = others.reduce((mask, { wishes }) => mask | maskOf(wishes.withoutInterrupts ?? ""), 0n);
    const banned = parseMask(note.banned) & ~othersAway;
    if (banned !== 0n) await this.#irqbalance.ban(((await this.#irqbalance.banned()) ?? 0n) & ~banned);
    await this.#interrupts.letBack(note.interrupts, othersAway);
    for (const [processor, before] of Object.entries(note.files))
      for (const file of fileNames) {
        const isHeld = others.some(({ files }) => files[Number(processor)]?.[file] !== undefined);
        const value = before[file];
        if (value !== undefined && !isHeld) await this.#files.write(Number(processor), file, value);
      }
    const { isolatedIn, processors } = note.wishes;
    if (isolatedIn !== undefined) await unite(isolatedIn, processors);
    await rm(this.#path(id), { force: true });
  }

  #path(id: string): string {
    return join(this.#directory, id);
  }

  async #write(id: string, note: Note): Promise<void> {
    try {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
      await writeFile(`${this.#path(id)}.new`, JSON.stringify(note), { mode: 0o600 });
      await rename(`${this.#path(id)}.new`, this.#path(id));
    } catch (error) {
      throw systemFault(`noting what processors ${note.wishes.processors} were like`, error);
    }
  }

  async #read(id: string): Promise<Note | undefined> {
    const text = await readFile(this.#path(id), "utf8").catch(() => undefined);
    return text === undefined ? undefined : (JSON.parse(text) as Note);
  }

  async #othersThan(id: string): Promise<Note[]> {
    const names = await readdir(this.#directory).catch(() => []);
    const notes = names
      .filter((name) => name !== id && !name.endsWith(".new"))
      .map((name) => this.#read(name));
    return (await Promise.all(notes)).filter((note) => note !== undefined);
  }

  #alone(): Promise<Disposable> {
    return this.#locks.hold(all, new AbortController().signal);
  }
}

import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { guestImage, makeDisk } from "./image.ts";
import type { Machine, MachineOptions, MachinePaths, MachineStreams } from "./machine.ts";
import { runsDirectory } from "./places.ts";
import { MarkedOutput } from "./ports.ts";
import type { Contents } from "./recipe.ts";
import { startMachine } from "./start-machine.ts";
import { makeTreeDisk } from "./tree.ts";

export interface GuestOptions extends MachineOptions {
  readonly contents: Contents;
  /** The disk with the tree, made before for several guests, each of which gets a copy. Undefined: one is made. */
  readonly tree: string | undefined;
  /** A directory of this host's of which the guest has a copy at /files. */
  readonly files: string | undefined;
  /** A guest that prints nothing for so long, once it is up, is taken for one that hangs. */
  readonly silenceMs: number;
}

export const guestDefaults: GuestOptions = {
  machine: "uml",
  init: "systemd",
  memoryMiB: 3072,
  disks: [],
  kernelArguments: "",
  contents: "node",
  tree: undefined,
  files: undefined,
  silenceMs: 300_000,
};

/** At most; the disk takes only what the files do. */
const filesSize = "8G";
const consoleLines = 40;
/** How long it may take to be up: it prints nothing before. */
const startWithinMs = 300_000;

/** A run's files, and what takes them away. */
interface RunFiles {
  readonly paths: MachinePaths;
  readonly remove: () => void;
}

/** A machine of its own that runs commands in a copy of this tree. What they change is gone with it. */
export class Guest implements AsyncDisposable {
  readonly #machine: Machine["process"];
  readonly #ended: Promise<void>;
  readonly #paths: MachinePaths;
  readonly #remove: () => void;
  readonly #silenceMs: number;
  #streams: MachineStreams | undefined;

  private constructor(machine: Machine["process"], { paths, remove }: RunFiles, silenceMs: number) {
    this.#machine = machine;
    this.#ended = new Promise((resolve) => {
      machine.once("exit", () => resolve()).once("error", () => resolve());
    });
    this.#paths = paths;
    this.#remove = remove;
    this.#silenceMs = silenceMs;
  }

  /** Starts one and waits until it takes commands. @throws when it hangs or dies, with its console's last lines */
  static async start(options: GuestOptions): Promise<Guest> {
    const { image, paths, remove } = await prepare(options);
    const { process, streams } = await startMachine({ image, paths, options, shell: false });
    const guest = new Guest(process, { paths, remove }, options.silenceMs);
    try {
      guest.#streams = (await Promise.race([streams, guest.#ended])) ?? undefined;
      await guest.#until("ready", () => undefined, startWithinMs);
    } catch (error) {
      await guest[Symbol.asyncDispose]();
      throw error;
    }
    return guest;
  }

  /** A shell on this process's own terminal, until it ends. */
  static async shell(options: GuestOptions): Promise<void> {
    const { image, paths, remove } = await prepare(options);
    const machine = await startMachine({ image, paths, options, shell: true });
    const guest = new Guest(machine.process, { paths, remove }, options.silenceMs);
    await guest.#ended;
    await guest[Symbol.asyncDispose]();
  }

  /**
   * Runs one shell command line.
   *
   * @param printed gets what it prints, on stdout and stderr alike
   * @returns its exit code
   * @throws when the guest hangs or dies, with its console's last lines
   */
  run(commandLine: string, printed: (text: Buffer) => void): Promise<number> {
    if (commandLine.includes("\n")) throw new Error("a command for the guest is one line");
    const word = randomBytes(12).toString("hex");
    this.#streams?.commands.write(`${word} ${commandLine}\n`);
    return this.#until(word, printed, this.#silenceMs);
  }

  /** Reads on to the mark with this word. */
  #until(word: string, printed: (text: Buffer) => void, silenceMs: number): Promise<number> {
    const marked = new MarkedOutput(word);
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const silence = setTimeout(
      () => reject(this.#failure(`nothing came from the guest for ${silenceMs / 1000} s`)),
      silenceMs,
    );
    const onData = (chunk: Buffer) => {
      silence.refresh();
      const { printed: text, code } = marked.take(chunk);
      if (text.length > 0) printed(text);
      if (code !== undefined) resolve(code);
    };
    this.#streams?.output.on("data", onData);
    void this.#ended.then(() => reject(this.#failure("the guest's machine ended")));
    return promise.finally(() => {
      clearTimeout(silence);
      this.#streams?.output.off("data", onData);
    });
  }

  #failure(what: string): Error {
    const { console } = this.#paths;
    const lines = existsSync(console) ? readFileSync(console, "utf8").trimEnd().split("\n") : [];
    return new Error(`${what}. The last of its console:\n${lines.slice(-consoleLines).join("\n")}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#machine.kill("SIGKILL");
    await this.#ended;
    this.#remove();
    process.off("exit", this.#remove);
  }
}

/** The image and a run's directory with a copy of the tree as it is now. */
async function prepare({ contents, tree, files }: GuestOptions) {
  const image = await guestImage(contents);
  const directory = mkdtempSync(join(runsDirectory, "berth-guest-"));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  // Also where a signal ends this process: QEMU ends with it, its disks would stay.
  process.once("exit", remove);
  const treeDisk = join(directory, "tree.img");
  if (tree === undefined) await makeTreeDisk(treeDisk, directory);
  else await copyFile(tree, treeDisk);
  let filesDisk: string | undefined;
  if (files !== undefined) {
    filesDisk = join(directory, "files.img");
    makeDisk(files, filesDisk, filesSize);
  }
  const paths: MachinePaths = { directory, treeDisk, filesDisk, console: join(directory, "console") };
  return { image, paths, remove };
}

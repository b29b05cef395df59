import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { guestImage, makeDisk } from "./image.ts";
import { type MachineOptions, type MachinePaths, startMachine } from "./machine.ts";
import { runsDirectory } from "./places.ts";
import { MarkedOutput, Port } from "./ports.ts";
import type { Contents } from "./recipe.ts";
import { makeTreeDisk } from "./tree.ts";

export interface GuestOptions extends MachineOptions {
  readonly contents: Contents;
  /** A directory of this host's of which the guest has a copy at /files. */
  readonly files: string | undefined;
  /** A guest that prints nothing for so long is taken for one that hangs. */
  readonly silenceMs: number;
}

export const guestDefaults: GuestOptions = {
  init: "systemd",
  memoryMiB: 3072,
  disks: [],
  kernelArguments: "",
  contents: "node",
  files: undefined,
  silenceMs: 300_000,
};

/** At most; the disk takes only what the files do. */
const filesSize = "8G";
const consoleLines = 40;

/** A machine of its own that runs commands in a copy of this tree. What they change is gone with it. */
export class Guest implements AsyncDisposable {
  readonly #machine: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #paths: MachinePaths;
  readonly #ports: readonly Port[];
  readonly #silenceMs: number;
  #commands: Socket | undefined;
  #output: Socket | undefined;

  private constructor(machine: ChildProcess, paths: MachinePaths, ports: readonly Port[], silenceMs: number) {
    this.#machine = machine;
    this.#ended = new Promise((resolve) => {
      machine.once("exit", () => resolve()).once("error", () => resolve());
    });
    this.#paths = paths;
    this.#ports = ports;
    this.#silenceMs = silenceMs;
  }

  /** Starts one and waits until it takes commands. @throws when it hangs or dies, with its console's last lines */
  static async start(options: GuestOptions): Promise<Guest> {
    const { image, paths } = await prepare(options);
    const names = { commands: join(paths.directory, "commands"), output: join(paths.directory, "output") };
    const ports = [await Port.listen(names.commands), await Port.listen(names.output)] as const;
    const machine = startMachine(image, { ...paths, ports: names }, options);
    const guest = new Guest(machine, paths, ports, options.silenceMs);
    try {
      const connections = Promise.all(ports.map((port) => port.connected()));
      const [commands, output] = (await Promise.race([connections, guest.#ended])) ?? [];
      guest.#commands = commands;
      guest.#output = output;
      await guest.#until("ready", () => undefined);
    } catch (error) {
      await guest[Symbol.asyncDispose]();
      throw error;
    }
    return guest;
  }

  /** A shell on this process's own terminal, until it ends. */
  static async shell(options: GuestOptions): Promise<void> {
    const { image, paths } = await prepare(options);
    const guest = new Guest(startMachine(image, paths, options), paths, [], options.silenceMs);
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
    this.#commands?.write(`${word} ${commandLine}\n`);
    return this.#until(word, printed);
  }

  /** Reads on to the mark with this word. */
  #until(word: string, printed: (text: Buffer) => void): Promise<number> {
    const marked = new MarkedOutput(word);
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const silence = setTimeout(
      () => reject(this.#failure(`nothing came from the guest for ${this.#silenceMs / 1000} s`)),
      this.#silenceMs,
    );
    const onData = (chunk: Buffer) => {
      silence.refresh();
      const { printed: text, code } = marked.take(chunk);
      if (text.length > 0) printed(text);
      if (code !== undefined) resolve(code);
    };
    this.#output?.on("data", onData);
    void this.#ended.then(() => reject(this.#failure("the guest's machine ended")));
    return promise.finally(() => {
      clearTimeout(silence);
      this.#output?.off("data", onData);
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
    for (const port of this.#ports) port[Symbol.dispose]();
    rmSync(this.#paths.directory, { recursive: true, force: true });
  }
}

/** The image and a run's directory with a copy of the tree as it is now. */
async function prepare({ contents, files }: GuestOptions) {
  const image = await guestImage(contents);
  const directory = mkdtempSync(join(runsDirectory, "berth-guest-"));
  // Also where a signal ends this process: QEMU ends with it, its disks would stay.
  process.once("exit", () => rmSync(directory, { recursive: true, force: true }));
  const treeDisk = join(directory, "tree.img");
  await makeTreeDisk(treeDisk, directory);
  const filesDisk = join(directory, "files.img");
  if (files !== undefined) makeDisk(files, filesDisk, filesSize);
  const paths: MachinePaths = {
    directory,
    treeDisk,
    filesDisk: files === undefined ? undefined : filesDisk,
    console: join(directory, "console"),
    ports: undefined,
  };
  return { image, paths };
}

import { join } from "node:path";
import type { BindOptions, MountEntry, Mounts } from "../contract.ts";
import { mountsBelow } from "../mountinfo.ts";

/** Mounts nothing: keeps the table in memory, and a line for each call, such as `mount tmpfs /run/x`. */
export class RecordingMounts implements Mounts {
  readonly calls: string[] = [];
  readonly table: MountEntry[] = [];
  /** Throws to make a call fail; gets the line that is recorded for it. */
  before: (call: string) => void = () => undefined;

  async mount(source: string, target: string, type: string, options: readonly string[]): Promise<void> {
    this.#record(`mount ${type} ${target}`);
    this.#add({ source, target, type, options: options.join(",") });
  }

  async bind(source: string, target: string, options: BindOptions = {}): Promise<void> {
    this.#record(`bind ${source} ${target}`);
    this.#add({ source, target, type: "bind", options: options.readonly === true ? "ro" : "rw" });
  }

  async bindWithin(root: string, path: string, target: string, options: BindOptions = {}): Promise<void> {
    await this.bind(join(root, path), target, options);
  }

  async unmount(target: string): Promise<void> {
    this.#record(`unmount ${target}`);
    const left = this.table.filter((entry) => entry.target !== target);
    this.table.splice(0, this.table.length, ...left);
  }

  async below(directory: string): Promise<MountEntry[]> {
    return mountsBelow(this.table, directory);
  }

  #record(call: string): void {
    this.calls.push(call);
    this.before(call);
  }

  #add(entry: Pick<MountEntry, "source" | "target" | "type" | "options">): void {
    const id = 100 + this.calls.length;
    const parent = this.table.findLast(({ target }) => target === entry.target)?.id ?? 1;
    this.table.push({ id, parent, root: "/", superOptions: "", isShared: false, ...entry });
  }
}

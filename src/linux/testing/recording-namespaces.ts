import { type Duplex, PassThrough } from "node:stream";
import { Fault } from "../../base/fault.ts";
import type { NamespaceRequest, Namespaces } from "../contract.ts";

/** Makes no namespace: keeps what was asked for by directory, and a line for each call. */
export class RecordingNamespaces implements Namespaces {
  readonly calls: string[] = [];
  readonly pins = new Map<string, NamespaceRequest>();
  /** What `readWithin` gives, by network namespace and file. */
  readonly files = new Map<string, ReadonlyMap<string, string>>();
  /** Throws to make a call fail; gets the line that is recorded for it. */
  before: (call: string) => void = () => undefined;

  async pin(request: NamespaceRequest): Promise<void> {
    this.#record(`pin ${request.directory}`);
    if (this.pins.has(request.directory)) throw new Fault("alreadyExists", `${request.directory} is pinned`);
    this.pins.set(request.directory, request);
  }

  async unpin(directory: string): Promise<void> {
    this.#record(`unpin ${directory}`);
    this.pins.delete(directory);
  }

  async readWithin(netns: string, files: readonly string[]): Promise<string[]> {
    this.#record(`read ${netns}`);
    const known = this.files.get(netns);
    if (known === undefined) throw new Fault("notFound", `no network namespace ${netns}`);
    return files.map((file) => {
      const content = known.get(file);
      if (content === undefined) throw new Fault("notFound", `no file ${file} in ${netns}`);
      return content;
    });
  }

  async addressesWithin(): Promise<readonly string[]> {
    return [];
  }

  async connectWithin(netns: string, port: number): Promise<Duplex> {
    this.#record(`connect ${netns} ${port}`);
    return new PassThrough();
  }

  #record(call: string): void {
    this.calls.push(call);
    this.before(call);
  }
}

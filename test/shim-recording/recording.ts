import { readFileSync } from "node:fs";
import type { SandboxService } from "../../src/wire/gen/sandbox.v1.ts";
import type { TaskService } from "../../src/wire/gen/task.v2.ts";

/** The methods of the task service, and of the sandbox service. */
export type ShimMethod = keyof typeof TaskService | keyof typeof SandboxService;

/** Methods for a shim's two services, all of one kind. */
export type ByMethod<Value> = Record<ShimMethod, Value>;

/**
 * One thing that passed between a daemon and a shim. Ids are replaced by whose they are, in the order in which they came up:
 * "sandbox", "container 1", and for commands "command 1". Messages are as JSON.
 */
export type Entry =
  | { readonly call: number; readonly method: ShimMethod; readonly request: object }
  | { readonly answer: number; readonly response: object }
  | { readonly answer: number; readonly error: { readonly code: number; readonly message: string } }
  /** What the shim wrote to a container's or command's stream. */
  | { readonly output: "stdout" | "stderr"; readonly of: string; readonly text: string }
  | { readonly event: string; readonly container: string };

/** A recording is a line of JSON for each entry, in the order in which they were seen. */
export function readRecording(file: string): Entry[] {
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Entry);
}

/** The fields that say who is meant. */
interface Named {
  readonly id?: string;
  readonly execId?: string;
  readonly sandboxId?: string;
}

/** Who is meant: a container, or a command in one, or the sandbox. */
export function subjectOf({ sandboxId = "", id = sandboxId, execId = "" }: Named): string {
  return execId === "" ? id : `${id}, ${execId}`;
}

/** Names for ids, and back: the first id is the sandbox's. */
export class Roles {
  readonly #names = new Map<string, string>();
  readonly #ids = new Map<string, string>();
  #containers = 0;
  #commands = 0;

  /** The name of a container's id. */
  container(id: string): string {
    const isFirst = this.#names.size === 0;
    return this.#names.get(id) ?? this.#add(id, isFirst ? "sandbox" : `container ${++this.#containers}`);
  }

  command(execId: string): string {
    return execId === "" ? "" : (this.#names.get(execId) ?? this.#add(execId, `command ${++this.#commands}`));
  }

  /** A message with names for ids. */
  named<Message extends object>(message: Message): Message {
    const { id, execId, sandboxId } = message as Named;
    return {
      ...message,
      ...(sandboxId !== undefined && sandboxId !== "" ? { sandboxId: this.container(sandboxId) } : {}),
      ...(id !== undefined && id !== "" ? { id: this.container(id) } : {}),
      ...(execId !== undefined && execId !== "" ? { execId: this.command(execId) } : {}),
    };
  }

  /** A message with ids for names. */
  withIds<Message extends object>(message: Message): Message {
    const { id, execId, sandboxId } = message as Named;
    return {
      ...message,
      ...(sandboxId === undefined ? {} : { sandboxId: this.#ids.get(sandboxId) ?? sandboxId }),
      ...(id === undefined ? {} : { id: this.#ids.get(id) ?? id }),
      ...(execId === undefined ? {} : { execId: this.#ids.get(execId) ?? execId }),
    };
  }

  idOf(name: string): string {
    return this.#ids.get(name) ?? name;
  }

  #add(id: string, name: string): string {
    this.#names.set(id, name);
    this.#ids.set(name, id);
    return name;
  }
}

/** What only one machine has, or the caller knows anyway. */
const leftOut = [
  ...["bundle", "stdin", "stdout", "stderr", "spec", "options", "resources", "rootfs"],
  ...["bundlePath", "netnsPath", "annotations"],
];

/** A message as it is in a recording: bytes in base64, big numbers as texts. */
export function toJson(message: object): object {
  const plain = (key: string, value: unknown) => {
    if (leftOut.includes(key)) return undefined;
    if (typeof value === "bigint") return { bigint: String(value) };
    if (value instanceof Uint8Array || isBufferJson(value)) {
      const bytes = value instanceof Uint8Array ? value : Uint8Array.from(value.data);
      return { base64: Buffer.from(bytes).toString("base64") };
    }
    return value;
  };
  return JSON.parse(JSON.stringify(message, plain));
}

/** JSON.stringify asks Buffer's toJSON first. */
function isBufferJson(value: unknown): value is { data: number[] } {
  return (value as { type?: unknown } | null)?.type === "Buffer";
}

export function fromJson<Message>(json: object): Message {
  return JSON.parse(JSON.stringify(json), (_key, value: unknown) => {
    if (typeof value !== "object" || value === null) return value;
    if ("bigint" in value) return BigInt(String(value.bigint));
    if ("base64" in value) return Uint8Array.from(Buffer.from(String(value.base64), "base64"));
    return value;
  });
}

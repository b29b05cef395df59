import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { Fault } from "../base/fault.ts";
import type { Config } from "../config/schema.ts";
import { type Policy, parsePolicy } from "../spec/policy/policy.ts";
import { usualPolicyFile } from "./usual-places.ts";

const fileMax = 4 << 20;

/** A policy that was read, and why it is this one. */
export interface ReadPolicy {
  readonly file: string;
  readonly because: string;
  readonly policy: Policy;
}

/** The signature policies of the settings, read anew each time: who changes one sees it at the next pull. */
export class PolicyFiles {
  readonly #file: string;
  readonly #isNamed: boolean;
  readonly #directory: string;

  constructor({ file, namespaceDirectory }: Pick<Config["policy"], "file" | "namespaceDirectory">) {
    this.#isNamed = file !== "";
    this.#file = this.#isNamed ? file : usualPolicyFile;
    this.#directory = namespaceDirectory;
  }

  /**
   * The one that holds in a namespace: its own, else the node's. Undefined when there is neither.
   *
   * @throws {Fault} invalid for a malformed file, one that can't be read, and one that is configured but missing
   */
  async forNamespace(namespace: string): Promise<ReadPolicy | undefined> {
    if (namespace !== "") {
      if (basename(namespace) !== namespace || namespace.startsWith("."))
        throw new Fault(
          "invalid",
          `${JSON.stringify(namespace.slice(0, 100))} is not the name of a namespace`,
        );
      const own = await this.#read(
        join(this.#directory, `${namespace}.json`),
        `of the namespace ${namespace}`,
      );
      if (own !== undefined) return own;
    }
    const because = this.#isNamed ? "policy.file" : "the node's";
    const ofNode = await this.#read(this.#file, because);
    if (ofNode === undefined && this.#isNamed) {
      throw new Fault("invalid", `the signature policy ${this.#file} is not there, so no image may be used`, {
        hint: "the setting is policy.file",
      });
    }
    return ofNode;
  }

  /** Every policy that can be read: what others than the one that asks may want of an image. */
  async all(): Promise<ReadPolicy[]> {
    const names = await readdir(this.#directory).catch(() => []);
    const files = names.filter((name) => name.endsWith(".json")).map((name) => join(this.#directory, name));
    const read = [this.#file, ...files].map((file) => this.#read(file, "").catch(() => undefined));
    return (await Promise.all(read)).filter((one) => one !== undefined);
  }

  async #read(file: string, because: string): Promise<ReadPolicy | undefined> {
    let bytes: Buffer;
    try {
      bytes = await readFile(file);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw new Fault("invalid", `the policy ${file} can't be read`, { cause });
    }
    if (bytes.length > fileMax)
      throw new Fault("invalid", `the policy ${file} is larger than ${fileMax} bytes`);
    return { file, because, policy: parsePolicy(bytes.toString(), file) };
  }
}

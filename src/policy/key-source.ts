import { readFile } from "node:fs/promises";
import { Fault } from "../base/fault.ts";
import type { KeySource } from "../spec/policy/policy.ts";

const keyMax = 1 << 20;

/** A file of keys, or what stood in the policy. */
export interface KeyBytes {
  /** How errors and reports name it. */
  readonly name: string;
  readonly bytes: Buffer;
}

/** @throws {Fault} invalid for one that can't be read */
export async function readKeys(source: KeySource, path: string): Promise<KeyBytes[]> {
  if ("data" in source) {
    return source.data.map((bytes, index) => ({
      name: source.data.length === 1 ? `the key in ${path}` : `key ${index + 1} in ${path}`,
      bytes,
    }));
  }
  return Promise.all(
    source.paths.map(async (file) => {
      const bytes = await readFile(file).catch((cause: unknown) => {
        throw new Fault("invalid", `the key ${file} of ${path} can't be read`, { cause });
      });
      if (bytes.length > keyMax)
        throw new Fault("invalid", `the key ${file} of ${path} is larger than ${keyMax} bytes`);
      return { name: file, bytes };
    }),
  );
}

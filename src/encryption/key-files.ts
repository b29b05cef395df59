import { createPrivateKey, type KeyObject } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "../base/fault.ts";

const keyMax = 65_536;
const keysMax = 1_000;

/** The private keys of a directory, and what in it is none. */
export interface PrivateKeys {
  readonly directory: string;
  readonly keys: readonly { readonly file: string; readonly key: KeyObject }[];
  readonly others: readonly string[];
}

/**
 * Reads every file in a directory and those below it: PKCS #8, PKCS #1 and SEC 1 keys in PEM or DER, and JWKs. One that isn't
 * there is empty.
 *
 * @throws {Fault} invalid when it can't be read
 */
export async function readPrivateKeys(directory: string): Promise<PrivateKeys> {
  const keys: { file: string; key: KeyObject }[] = [];
  const others: string[] = [];
  let names: string[];
  try {
    names = await readdir(directory, { recursive: true });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return { directory, keys, others };
    throw new Fault("invalid", `the directory of keys ${directory} can't be read`, { cause });
  }
  for (const name of names.sort().slice(0, keysMax)) {
    const file = join(directory, name);
    const found = await stat(file).catch(() => undefined);
    if (found === undefined || !found.isFile()) continue;
    const key =
      found.size > keyMax ? undefined : privateKeyIn(await readFile(file).catch(() => Buffer.alloc(0)));
    if (key === undefined) others.push(file);
    else keys.push({ file, key });
  }
  return { directory, keys, others };
}

function privateKeyIn(bytes: Buffer): KeyObject | undefined {
  const text = bytes.toString("latin1");
  const attempts: (() => KeyObject)[] = text.includes("-----BEGIN ")
    ? [() => createPrivateKey({ key: bytes, format: "pem" })]
    : text.trimStart().startsWith("{")
      ? [() => createPrivateKey({ key: JSON.parse(bytes.toString()), format: "jwk" })]
      : (["pkcs8", "pkcs1", "sec1"] as const).map(
          (type) => () => createPrivateKey({ key: bytes, format: "der", type }),
        );
  for (const attempt of attempts) {
    try {
      return attempt();
    } catch {
      // No key of this kind, or one with a password.
    }
  }
  return undefined;
}

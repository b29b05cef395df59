import { open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { Fault } from "../base/fault.ts";
import { KeyedLocks } from "../base/lock.ts";
import { authKey, parseAuthFile } from "../spec/auth-file.ts";
import type { GivenCredential } from "./credential.ts";

/** By path: settings that are read again make a new object of the same file. */
const writing = new KeyedLocks<string>();

/** berth's own file of credentials, as containers' auth.json has them (containers-auth.json(5)), and as 0600. */
export class CredentialFile {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /**
   * Keeps a credential for a registry, or for what lies below a path of it; what else the file has stays.
   *
   * @throws {Fault} invalid when the file is malformed
   */
  async store(name: string, given: GivenCredential, signal: AbortSignal): Promise<void> {
    const { username = "", password = "", identityToken } = given;
    const auth = Buffer.from(`${username}:${identityToken === undefined ? password : ""}`).toString("base64");
    const entry = { auth, ...(identityToken === undefined ? {} : { identitytoken: identityToken }) };
    await this.#change(signal, (auths) => {
      drop(auths, name);
      auths[authKey(name)] = entry;
      return true;
    });
  }

  /** @returns whether it was there. @throws {Fault} invalid when the file is malformed */
  remove(name: string, signal: AbortSignal): Promise<boolean> {
    return this.#change(signal, (auths) => drop(auths, name));
  }

  /** @returns what `edit` says: true when it has changed something */
  async #change(signal: AbortSignal, edit: (auths: Record<string, unknown>) => boolean): Promise<boolean> {
    using _file = await writing.hold(this.path, signal);
    const document = await this.#read();
    const auths = { ...(document.auths as Record<string, unknown> | null | undefined) };
    if (!edit(auths)) return false;
    await this.#write(`${JSON.stringify({ ...document, auths }, undefined, 2)}\n`);
    return true;
  }

  async #read(): Promise<Record<string, unknown>> {
    let text: string;
    try {
      text = await readFile(this.path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
      throw error;
    }
    try {
      parseAuthFile(text);
    } catch (cause) {
      throw new Fault("invalid", `${this.path} is malformed, and is left as it is`, { cause });
    }
    return JSON.parse(text) as Record<string, unknown>;
  }

  /** Whole or not at all, even when the power fails. */
  async #write(text: string): Promise<void> {
    const next = `${this.path}.new`;
    await rm(next, { force: true });
    {
      await using file = await open(next, "wx", 0o600);
      await file.writeFile(text);
      await file.sync();
    }
    await rename(next, this.path);
    await using directory = await open(dirname(this.path));
    await directory.sync();
  }
}

/** Takes out every spelling of the name. */
function drop(auths: Record<string, unknown>, name: string): boolean {
  const keys = Object.keys(auths).filter((key) => authKey(key) === authKey(name));
  for (const key of keys) delete auths[key];
  return keys.length > 0;
}

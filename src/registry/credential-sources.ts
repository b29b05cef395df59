import { open } from "node:fs/promises";
import { describeFault, Fault } from "../base/fault.ts";
import type { Bytes } from "../base/units.ts";
import { type AuthFile, authKey, authKeysOf, parseAuthFile } from "../spec/auth-file.ts";
import { type Credential, readCredential } from "./credential.ts";
import { CredentialFile } from "./credential-file.ts";
import { askHelper, type HelperHost } from "./credential-helper.ts";

const fileMax: Bytes = 1 << 20;
const readableByOthers = 0o077;

/** Where credentials are looked for that no call gives; read anew each time. */
export interface CredentialFiles {
  /** berth's own; only who runs the daemon may be able to read it. Asked first. */
  readonly own: string;
  /** Docker's config.json, containers' auth.json, in order. */
  readonly others: readonly string[];
}

/** What there is for a repository at a host, and what can be told of it: no secret. */
export interface FoundCredential {
  /** Undefined: who asks stays unnamed. */
  readonly credential: Credential | undefined;
  /** What has it: `the call`, or a file, and the entry in it. Undefined without a credential. */
  readonly from: string | undefined;
  /** Sources that could not be asked, and why. */
  readonly problems: readonly string[];
}

/** The credentials of this node's own files and of the helpers that these name. */
export class CredentialSources {
  /** berth's own. */
  readonly file: CredentialFile;
  readonly #files: CredentialFiles;
  readonly #helpers: HelperHost;

  constructor(files: CredentialFiles, helpers: HelperHost) {
    this.file = new CredentialFile(files.own);
    this.#files = files;
    this.#helpers = helpers;
  }

  /**
   * The first source that has something for the repository at `registry` (a host's name as in references). One that can't
   * be read or asked is told of and passed over: what is open to all can be pulled without it.
   */
  async find(registry: string, repository: string, signal: AbortSignal): Promise<FoundCredential> {
    const problems: string[] = [];
    const { own, others } = this.#files;
    for (const file of [own, ...others]) {
      try {
        const read = await readAuthFile(file, file === own);
        const found = read && (await this.#inFile(read, file, { registry, repository }, signal));
        if (found !== undefined) return { ...found, problems };
      } catch (error) {
        if (signal.aborted) throw error;
        problems.push(`${file}: ${describeFault(error)}`);
      }
    }
    return { credential: undefined, from: undefined, problems };
  }

  async #inFile(
    { auths, helpers, store }: AuthFile,
    file: string,
    of: { readonly registry: string; readonly repository: string },
    signal: AbortSignal,
  ): Promise<{ credential: Credential; from: string } | undefined> {
    const ask = async (name: string) => {
      const credential = await askHelper(name, authKey(of.registry), this.#helpers, signal);
      return credential && { credential, from: `docker-credential-${name}, named in ${file}` };
    };
    const helper = helpers.get(authKey(of.registry));
    const helped = helper === undefined ? undefined : await ask(helper);
    if (helped !== undefined) return helped;
    for (const key of authKeysOf(of.registry, of.repository)) {
      // Docker leaves an empty entry where its store has the credential.
      const credential = readCredential(withoutBlanks(auths.get(key)));
      if (credential !== undefined) return { credential, from: `${file} (${key})` };
    }
    return store === undefined ? undefined : ask(store);
  }
}

/** Undefined when there is no such file. @throws {Fault} forbidden when others can read berth's own; invalid */
async function readAuthFile(file: string, isOwn: boolean): Promise<AuthFile | undefined> {
  let text: string;
  try {
    await using opened = await open(file);
    const { mode, uid, size } = await opened.stat();
    if (isOwn && ((mode & readableByOthers) !== 0 || (uid !== 0 && uid !== process.getuid?.()))) {
      throw new Fault("forbidden", "others can read or change it, so it is not used", {
        hint: `chmod 0600 ${file}; chown root ${file}`,
      });
    }
    if (size > fileMax) throw new Fault("invalid", `it is larger than ${fileMax} bytes`);
    text = await opened.readFile("utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  return parseAuthFile(text);
}

/** Only what is there: an optional field that is undefined is none to whoever reads it. */
function withoutBlanks(entry: object | undefined): Record<string, string> | undefined {
  return entry && Object.fromEntries(Object.entries(entry).filter(([, value]) => Boolean(value)));
}

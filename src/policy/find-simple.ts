import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Fault } from "../base/fault.ts";
import type { Digest } from "../base/ids.ts";
import { refusal } from "../registry/answer.ts";
import { readBody } from "../registry/body.ts";
import { readTls } from "../registry/tls.ts";
import { showUrl, Transport } from "../registry/transport.ts";
import { readLookasideSettings, usualLookaside } from "../spec/lookaside-file.ts";
import { scopesOf } from "../spec/policy/policy-scope.ts";
import type { Reference } from "../spec/reference.ts";
import type { ImageSignature } from "./contract.ts";
import type { FoundAt } from "./find-signatures.ts";

const signaturesMax = 64;
const signatureMax = 65_536;
const stall = 10_000;

/** Where simple signatures are looked for, and how it is reached. */
export interface LookasideOptions {
  /** As containers-registries.d(5) has it. */
  readonly registriesDirectory: string;
  readonly proxyEnv: NodeJS.ProcessEnv | undefined;
}

/**
 * Reads the simple signatures of a manifest: `<repository>@sha256=<digest>/signature-1`, `-2` and so on, below the
 * lookaside storage of its narrowest scope (signature-protocols, of containers/image).
 *
 * @throws {Fault} invalid for malformed settings; what the storage says, when it doesn't say that there is none
 */
export async function findSimple(
  name: Reference,
  digest: Digest,
  { registriesDirectory, proxyEnv }: LookasideOptions,
  signal: AbortSignal,
): Promise<FoundAt> {
  const { byScope, byDefault } = await readLookasideSettings(registriesDirectory);
  const scope = scopesOf(name).find((one) => byScope.has(one));
  const { url: top, file } = byScope.get(scope ?? "") ??
    byDefault ?? { url: usualLookaside, file: "by default" };
  const base = storageUrl(top, file);
  const directory = `${base.pathname.replace(/\/+$/, "")}/${name.repository}@${digest.replace(":", "=")}`;
  using transport = new DisposableTransport(proxyEnv);
  const signatures: ImageSignature[] = [];
  for (let number = 1; number <= signaturesMax; number++) {
    const url = new URL(base);
    url.pathname = `${directory}/signature-${number}`;
    const bytes = url.protocol === "file:" ? await readIfThere(url) : await transport.get(url, signal);
    if (bytes === undefined) break;
    const content = withoutPrefix(bytes);
    if (content === undefined) continue;
    signatures.push({
      kind: "simple",
      place: showPlace(url),
      content: content.toString("base64"),
      annotations: {},
    });
  }
  const at = new URL(base);
  at.pathname = `${directory}/`;
  return { lookedAt: { place: showPlace(at), found: signatures.length, note: "" }, signatures };
}

/** @throws {Fault} invalid for what is no address of a directory, on a server or on this host */
function storageUrl(text: string, file: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["http:", "https:", "file:"].includes(url.protocol))
    throw new Fault("invalid", `${file}: a lookaside is no http://, https:// or file:// address`);
  return url;
}

/** A newer writer marks the format; one that is not simple signing is for others. */
function withoutPrefix(bytes: Buffer): Buffer | undefined {
  if (bytes[0] !== 0) return bytes;
  const mark = Buffer.from("\0simple-signing\n");
  return bytes.subarray(0, mark.length).equals(mark) ? bytes.subarray(mark.length) : undefined;
}

async function readIfThere(url: URL): Promise<Buffer | undefined> {
  const file = fileURLToPath(url);
  const bytes = await readFile(file).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT" || cause.code === "ENOTDIR") return undefined;
    throw new Fault("unavailable", `the signature ${file} can't be read`, { cause });
  });
  if (bytes !== undefined && bytes.length > signatureMax)
    throw new Fault("exhausted", `the signature ${file} is larger than ${signatureMax} bytes`);
  return bytes;
}

function showPlace(url: URL): string {
  return url.protocol === "file:" ? fileURLToPath(url) : showUrl(url);
}

/** Connections for the signatures of one image. */
class DisposableTransport implements Disposable {
  readonly #transport: Transport;

  constructor(proxyEnv: NodeJS.ProcessEnv | undefined) {
    this.#transport = new Transport(stall, proxyEnv);
  }

  /** Undefined when there is nothing. Redirects are not followed. */
  async get(url: URL, signal: AbortSignal): Promise<Buffer | undefined> {
    const headers = { "user-agent": "berth" };
    const answer = await this.#transport.send(
      { method: "GET", url, headers, tls: await readTls({}) },
      signal,
    );
    if (answer.statusCode === 200) return readBody(answer, url, signatureMax, stall, signal);
    const refused = await refusal(answer, url, signal);
    if (refused.kind === "notFound") return undefined;
    throw refused;
  }

  [Symbol.dispose](): void {
    this.#transport.close();
  }
}

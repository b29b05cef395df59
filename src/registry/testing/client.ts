import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeFault, type FaultKind, isFault } from "../../base/fault.ts";
import { parseReference } from "../../spec/reference.ts";
import { RegistryClient, type RegistryOptions } from "../client.ts";
import type { GivenCredential } from "../credential.ts";
import type { RemoteRepository } from "../repository.ts";

/** A client that soon gives up what fails, but not what is slow; with its own directory of hosts.toml files. */
export class TestClient implements Disposable {
  readonly configPath: string = mkdtempSync(join(tmpdir(), "berth-certs-"));
  readonly client: RegistryClient;

  constructor(options: Partial<RegistryOptions> = {}) {
    this.client = new RegistryClient({
      configPath: this.configPath,
      maxManifest: 100_000,
      stall: 20_000,
      backOff: { tries: 3, first: 10, longest: 50, longestAsked: 2_000 },
      ...options,
    });
  }

  configure(host: string, toml: string): void {
    mkdirSync(join(this.configPath, host), { recursive: true });
    writeFileSync(join(this.configPath, host, "hosts.toml"), toml);
  }

  unconfigure(host: string): void {
    rmSync(join(this.configPath, host), { recursive: true });
  }

  repository(reference: string, credential?: GivenCredential): Promise<RemoteRepository> {
    return this.client.repository(parseReference(reference), credential);
  }

  [Symbol.dispose](): void {
    this.client.close();
    rmSync(this.configPath, { recursive: true });
  }
}

/** All of a stream. */
export async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(chunks));
}

/** Expects a Fault of this kind whose story has all of `texts`. @returns the story */
export async function fails(work: Promise<unknown>, kind: FaultKind, ...texts: RegExp[]): Promise<string> {
  const { story } = await failureOf(work, kind);
  for (const text of texts) assert.match(story, text);
  return story;
}

/** Expects a Fault of this kind whose story has all of `parts`, letter by letter. @returns the error */
export async function failsSaying(
  work: Promise<unknown>,
  kind: FaultKind,
  parts: readonly string[],
): Promise<unknown> {
  const { error, story } = await failureOf(work, kind);
  for (const part of parts) assert.ok(story.includes(part), `${JSON.stringify(part)} is not in: ${story}`);
  return error;
}

async function failureOf(
  work: Promise<unknown>,
  kind: FaultKind,
): Promise<{ readonly error: unknown; readonly story: string }> {
  const error = await work.then(
    () => assert.fail("it succeeded"),
    (thrown: unknown) => thrown,
  );
  const story = describeFault(error);
  assert.ok(isFault(error, kind), `${kind}: ${story}`);
  return { error, story };
}

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { deadlineIn } from "../base/deadline.ts";
import { Fault, isFault } from "../base/fault.ts";
import type { Config } from "../config/schema.ts";
import type { Processes } from "../linux/contract.ts";
import { formatReference } from "../spec/reference.ts";
import type { CandidateImage, VerifierResult } from "./contract.ts";
import { usualVerifiersDirectory } from "./usual-places.ts";

const outputMax = 32_768;
const reasonMax = 1_000;
const descriptorType = "application/vnd.oci.descriptor.v1+json";

/** What runs the verifiers. */
export interface VerifierOptions {
  readonly settings: Config["policy"]["verifiers"];
  readonly processes: Processes;
  readonly path: string;
}

/**
 * The executables that have a say, by name: every file of the directory (containerd, docs/image-verification.md).
 *
 * @throws {Fault} invalid for a directory that is configured and missing, or has more than are called
 */
export async function findVerifiers(settings: Config["policy"]["verifiers"]): Promise<string[]> {
  const directory = settings.directory || usualVerifiersDirectory;
  let names: string[];
  try {
    names = (await readdir(directory)).sort();
  } catch (cause) {
    if (settings.directory === "" && (cause as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw new Fault(
      "invalid",
      `the directory of image verifiers ${directory} can't be read, so no image may be used`,
      {
        cause,
        hint: "the setting is policy.verifiers.directory",
      },
    );
  }
  // containerd leaves the rest out: a verifier that nobody asks would seem to accept everything.
  if (names.length > settings.max) {
    throw new Fault("invalid", `${directory} has ${names.length} image verifiers`, {
      hint: `the limit is policy.verifiers.max, now ${settings.max}`,
    });
  }
  return names.map((name) => join(directory, name));
}

/** Asks the verifiers one after the other, until one refuses; one that fails, or takes too long, refuses. */
export async function askVerifiers(
  files: readonly string[],
  image: Pick<CandidateImage, "reference"> & { readonly root: NonNullable<CandidateImage["root"]> },
  options: VerifierOptions,
  signal: AbortSignal,
): Promise<VerifierResult[]> {
  const results: VerifierResult[] = [];
  for (const file of files) {
    const result = await askVerifier(file, image, options, signal);
    results.push({ name: file, ...result });
    if (!result.accepted) break;
  }
  return results;
}

async function askVerifier(
  file: string,
  {
    reference,
    root,
  }: Pick<CandidateImage, "reference"> & { readonly root: NonNullable<CandidateImage["root"]> },
  { processes, path, settings }: VerifierOptions,
  signal: AbortSignal,
): Promise<Pick<VerifierResult, "accepted" | "reason">> {
  const args = [
    "-name",
    formatReference(reference),
    "-digest",
    root.digest,
    "-stdin-media-type",
    descriptorType,
  ];
  const stdin = JSON.stringify({ mediaType: root.mediaType, digest: root.digest, size: root.size });
  const command = { path: file, args, env: { PATH: path }, stdin, maxOutput: outputMax };
  try {
    using deadline = deadlineIn(settings.timeout, signal);
    const { code, signal: killedBy, stdout } = await processes.run(command, deadline.signal);
    const said = oneLine(stdout);
    if (code === 0) return { accepted: true, reason: said };
    const ended = code === null ? `was ended by ${killedBy}` : `exits with ${code}`;
    return { accepted: false, reason: `${ended}${said === "" ? "" : `: ${said}`}` };
  } catch (error) {
    if (signal.aborted || !isFault(error)) throw error;
    const reason =
      error.kind === "deadline"
        ? `gives no answer within ${settings.timeout} ms`
        : `can't be run: ${error.message}`;
    return { accepted: false, reason };
  }
}

function oneLine(output: Uint8Array): string {
  return Buffer.from(output)
    .toString()
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, " ")
    .trim()
    .slice(0, reasonMax);
}

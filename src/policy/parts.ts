import type { Config } from "../config/schema.ts";
import type { LookasideOptions } from "./find-simple.ts";
import type { GpgOptions } from "./gpg.ts";
import type { VerifierOptions } from "./verifiers.ts";

/** What decides which images may be used. */
export interface AdmissionOptions {
  readonly settings: Config["policy"];
  readonly gpg: GpgOptions;
  readonly lookaside: LookasideOptions;
  readonly verifying: VerifierOptions;
}

import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { deadlineIn } from "../base/deadline.ts";
import { Fault } from "../base/fault.ts";
import type { Processes } from "../linux/contract.ts";
import type { KeyBytes } from "./key-source.ts";
import { withoutArmor } from "./openpgp-armor.ts";

const outputMax = 65_536;
const timeout = 10_000;

/** How OpenPGP messages are verified: by gpgv, which trusts the keys that it is given and knows no others. */
export interface GpgOptions {
  readonly processes: Processes;
  /** A name looked up in `path`, or an absolute path. */
  readonly gpgv: string;
  readonly path: string;
  /** Where a directory is made for each run, and removed. */
  readonly scratch: string;
}

/** An OpenPGP message whose one signature was made with one of the keys, none of it expired or revoked. */
export interface VerifiedMessage {
  readonly content: Buffer;
  /** Fingerprint of the primary key. */
  readonly fingerprint: string;
}

/**
 * Verifies an OpenPGP message by the keys given.
 *
 * @throws {Fault} corrupt when it is not signed by one of them; notFound when there is no gpgv; invalid for no keys
 */
export async function verifyMessage(
  message: Uint8Array,
  keys: readonly KeyBytes[],
  { processes, gpgv, path, scratch }: GpgOptions,
  signal: AbortSignal,
): Promise<VerifiedMessage> {
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  const directory = await mkdtemp(join(scratch, "gpg-"));
  try {
    const at = (name: string) => join(directory, name);
    const keyrings = keys.map((_, index) => at(`keys-${index}.gpg`));
    await Promise.all(keys.map(({ bytes }, index) => writeFile(keyrings[index] ?? "", withoutArmor(bytes))));
    await writeFile(at("message"), message);
    // The content on stdout, where no more of it is kept than is taken; what gpgv says of it apart from that.
    const args = ["--homedir", directory, "--status-fd", "2", "--log-file", at("log"), "--output", "-"];
    args.push(...keyrings.flatMap((file) => ["--keyring", file]), at("message"));
    const command = { path: gpgv, args, env: { PATH: path, LC_ALL: "C" }, maxOutput: outputMax };
    using deadline = deadlineIn(timeout, signal);
    const ended = await processes.run(command, deadline.signal).catch((cause: unknown) => {
      throw new Fault("unavailable", "gpgv, which verifies GPG signatures, can't be run", {
        cause,
        hint: "it is in the package gpgv; the setting is policy.gpgv",
      });
    });
    if (ended.truncated)
      throw new Fault("corrupt", `what it signs is more than the ${outputMax} bytes that are read`);
    const fingerprint = signerIn(Buffer.from(ended.stderr).toString());
    if (ended.code === 0 && fingerprint !== undefined)
      return { content: Buffer.from(ended.stdout), fingerprint };
    throw new Fault(
      "corrupt",
      `gpgv does not accept it: ${saidIn(await readFile(at("log"), "utf8").catch(() => ""))}`,
    );
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/**
 * The primary key's fingerprint when gpgv's status lines (GnuPG, doc/DETAILS) tell of one good signature over one text;
 * undefined for anything else.
 */
function signerIn(status: string): string | undefined {
  const lines = status.split("\n").filter((line) => line.startsWith("[GNUPG:] "));
  const words = lines.map((line) => line.slice("[GNUPG:] ".length).split(" "));
  const of = (...names: string[]) => words.filter(([name = ""]) => names.includes(name));
  const good = of("NEWSIG", "GOODSIG", "VALIDSIG", "PLAINTEXT");
  if (good.length !== 4 || new Set(good.map(([name]) => name)).size !== 4) return undefined;
  if (
    of("BADSIG", "ERRSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG", "KEYREVOKED", "NO_PUBKEY", "NODATA", "FAILURE")
      .length > 0
  )
    return undefined;
  const [, signer = "", ...more] = of("VALIDSIG")[0] ?? [];
  const primary = more[8] ?? signer;
  return /^[0-9A-F]{40,64}$/.test(primary) ? primary : undefined;
}

/** What a log says, on one line. */
function saidIn(log: string): string {
  const lines = log.split("\n").map((line) => line.replace(/^\S+ \S+ gpgv\[\d+\] */, ""));
  const text = lines.filter((line) => line !== "").join("; ");
  return text.replace(/[\p{Cc}\p{Cf}]+/gu, " ").slice(0, 500);
}

import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { apparmorDirectory } from "./kernel.ts";

const hashes = ["sha256", "sha1"];

/**
 * Whether the kernel has the profile `name` as the parser compiled it (`policy`). Undefined when it doesn't tell: it is
 * built without hashes of policies, or there is no such profile.
 */
export async function isLoadedAs(name: string, policy: Uint8Array): Promise<boolean | undefined> {
  const profiles = join(apparmorDirectory, "policy/profiles");
  for (const entry of await readdir(profiles).catch(() => [])) {
    const directory = join(profiles, entry);
    const said = await readFile(join(directory, "name"), "utf8").catch(() => "");
    if (said.trim() !== name) continue;
    for (const hash of hashes) {
      const held = await readFile(join(directory, `raw_${hash}`), "utf8").catch(() => undefined);
      if (held !== undefined) return held.trim() === createHash(hash).update(policy).digest("hex");
    }
  }
  return undefined;
}

import { readFileSync, statSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import type { Ms } from "../../../base/units.ts";
import { pathsOf } from "../../../config/paths.ts";
import type { Config } from "../../../config/schema.ts";
import type { Leak } from "./leak.ts";
import { namesIn } from "./names-in.ts";
import { type Records, unaccounted } from "./records.ts";

/** A pull records its image last: with a daemon at work, what is younger than this may belong to one. */
const longestPull: Ms = 3_600_000;

/** Containers' writable layers, images' layers and blobs that no record accounts for, and what was left half done. */
export async function leakedStorage(config: Config, records: Records): Promise<Leak[]> {
  const paths = pathsOf(config);
  const isServing = await answers(paths.socket);
  const drivers = namesIn(paths.snapshots).map((driver) => join(paths.snapshots, driver));
  const elsewhere = [config.snapshotters.btrfs.directory].filter((directory) => directory !== "");
  const found = [
    ...[...drivers, ...elsewhere].flatMap((directory) => leakedSnapshots(directory, records)),
    ...leakedBlobs(paths.content, records),
  ];
  return found
    .filter(({ isOfImage, leak }) => !(isOfImage && isServing && isYoung(leak.where)))
    .map(({ leak }) => leak);
}

interface Found {
  readonly leak: Leak;
  /** True when a pull in flight could be what it belongs to. */
  readonly isOfImage: boolean;
}

/** The directories of the snapshotters: `l` layers, `c` containers', `i` ingests, `t` what is being removed. */
function leakedSnapshots(root: string, records: Records): Found[] {
  const leak = (where: string, why: string): Leak => ({
    what: "snapshot",
    where,
    why,
    remedy: `rm -r --one-file-system ${where}`,
  });
  return [
    ...namesIn(join(root, "c")).flatMap((id) => {
      const why = unaccounted(records, id, "recorded");
      return why === undefined
        ? []
        : [{ leak: leak(join(root, "c", id), `files: ${why}`), isOfImage: false }];
    }),
    ...namesIn(join(root, "l")).flatMap((name) => {
      const chain = chainOf(join(root, "l", name));
      const why = chain === undefined ? "a layer that is not whole" : `no image has the layer ${chain}`;
      const isKnown = chain !== undefined && records.digests.has(chain);
      return isKnown ? [] : [{ leak: leak(join(root, "l", name), why), isOfImage: true }];
    }),
    ...["i", "t"].flatMap((kind) =>
      namesIn(join(root, kind)).map((name) => ({
        leak: leak(
          join(root, kind, name),
          kind === "i" ? "a layer whose pull ended" : "its removal did not end",
        ),
        isOfImage: true,
      })),
    ),
  ];
}

function chainOf(directory: string): string | undefined {
  try {
    const record: { chain?: string } = JSON.parse(readFileSync(join(directory, "snapshot.json"), "utf8"));
    return record.chain;
  } catch {
    return undefined;
  }
}

function leakedBlobs(content: string, records: Records): Found[] {
  const blobs = join(content, "blobs", "sha256");
  const unnamed = namesIn(blobs).filter((hex) => !records.digests.has(`sha256:${hex}`));
  const found = [
    ...unnamed.map((hex) => [join(blobs, hex), "no image has this blob"] as const),
    ...namesIn(join(content, "files"))
      .filter((hex) => !records.digests.has(`sha256:${hex}`))
      .map((hex) => [join(content, "files", hex), "no image has the layer whose files this lists"] as const),
    ...namesIn(join(content, "partial"))
      .filter((hex) => !records.digests.has(`sha256:${hex}`))
      .map(
        (hex) => [join(content, "partial", hex), "no pull goes on with this beginning of a blob"] as const,
      ),
    ...namesIn(join(content, "ingest")).map(
      (name) => [join(content, "ingest", name), "a download that ended"] as const,
    ),
  ];
  return found.map(([where, why]) => ({
    leak: { what: "file", where, why, remedy: `rm ${where}` },
    isOfImage: true,
  }));
}

function isYoung(path: string): boolean {
  const changed = statSync(path, { throwIfNoEntry: false })?.ctimeMs;
  return changed === undefined || Date.now() - changed < longestPull;
}

/** True when a daemon answers at its socket. */
function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socket);
    probe.once("connect", () => resolve(true)).once("error", () => resolve(false));
    probe.once("connect", () => probe.destroy());
  });
}

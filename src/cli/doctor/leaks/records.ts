import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { during } from "../../../base/fault.ts";

/** What the database says of one pod sandbox or container, as far as leaks are concerned. */
export interface Owner {
  readonly kind: "pod" | "container";
  readonly id: string;
  readonly state: string;
  /** As a path from the root of the hierarchies. */
  readonly cgroup: string;
  /** Of a container. */
  readonly podId?: string;
  /** Where undoing it ended, when it did not get through. */
  readonly stranded?: string;
}

/** What the database accounts for. */
export interface Records {
  readonly owners: ReadonlyMap<string, Owner>;
  /** Every digest in a record: images' configs, manifests, blobs and chains of layers, containers' parents. */
  readonly digests: ReadonlySet<string>;
}

/** What doctor relies on of a stored record; anything else in it may be of another version. */
interface StoredRecord {
  readonly cgroup?: string;
  readonly podId?: string;
  readonly state?: { readonly kind?: string; readonly step?: string };
}

/**
 * Reads the records without the daemon, and beside it. A database that isn't there has none.
 *
 * @throws {Fault} internal when the file can't be read
 */
export function readRecords(path: string): Records {
  const owners = new Map<string, Owner>();
  const digests = new Set<string>();
  if (!existsSync(path)) return { owners, digests };
  for (const { kind, id, value } of rows(path)) {
    for (const [digest] of value.matchAll(/sha256:[0-9a-f]{64}/g)) digests.add(digest);
    const record = parsed(value);
    if (kind === "pod_sandboxes") owners.set(id, ownerOf("pod", id, record));
    else if (kind === "containers") owners.set(id, ownerOf("container", id, record));
  }
  return { owners, digests };
}

/** A damaged record still accounts for what is there: the daemon sets it aside and says so. */
function parsed(value: string): StoredRecord {
  try {
    return JSON.parse(value);
  } catch {
    return {};
  }
}

function ownerOf(kind: Owner["kind"], id: string, record: StoredRecord): Owner {
  const { kind: state = "unknown", step } = record.state ?? {};
  const { cgroup = "", podId } = record;
  return {
    kind,
    id,
    state,
    cgroup,
    ...(podId === undefined ? {} : { podId }),
    ...(step === undefined ? {} : { stranded: step }),
  };
}

function rows(path: string): { kind: string; id: string; value: string }[] {
  try {
    using database = new DatabaseSync(path, { readOnly: true, timeout: 5000 });
    return database.prepare("SELECT kind, id, value FROM record").all() as {
      kind: string;
      id: string;
      value: string;
    }[];
  } catch (error) {
    throw during(`reading the records in ${path}`, error);
  }
}

/** Both looks together: what either accounts for is accounted for. */
export function united(one: Records, other: Records): Records {
  return {
    owners: new Map([...one.owners, ...other.owners]),
    digests: new Set([...one.digests, ...other.digests]),
  };
}

/**
 * Why the record of `id` does not account for what was found; undefined when it does.
 *
 * @param needs the least that the object must still be: "recorded" for what stays until it is removed, "live" for what
 *   is gone when it has stopped
 */
export function unaccounted({ owners }: Records, id: string, needs: "recorded" | "live"): string | undefined {
  const owner = owners.get(id);
  if (owner === undefined) return `there is no record of ${id}`;
  const isOver = owner.state === (owner.kind === "pod" ? "stopped" : "exited");
  // Nothing of a stopped pod is left; an exited container keeps its snapshot and bundle.
  if (isOver && (needs === "live" || owner.kind === "pod")) return `${owner.kind} ${id} is ${owner.state}`;
  return undefined;
}

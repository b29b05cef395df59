import { Fault } from "../base/fault.ts";
import type { Ms } from "../base/units.ts";
import type { Metadata, RecordTable, SetAside } from "./contract.ts";
import { type Row, readDatabase, syncLog } from "./database.ts";
import { decodeRecord } from "./json.ts";
import { WrittenTable } from "./table.ts";
import { Writer } from "./writer.ts";

export interface MetadataOptions {
  /** Without a write for so long, the writer thread ends until the next one (0: it stays). */
  readonly idle: Ms;
  /** Told of each group of writes that is committed, and how long that took. */
  readonly committed?: ((took: Ms, writes: number) => void) | undefined;
}

/**
 * Opens the daemon's database at `path`, and makes it if it isn't there. Whatever of it can't be read is set
 * aside: single rows in the table `set_aside`, a corrupt file beside the new one.
 *
 * @throws {Fault} wrongState for another program's database or a newer berth's; internal when it can't be
 * opened
 */
export async function openMetadata(path: string, options: MetadataOptions): Promise<Metadata> {
  const stored = readDatabase(path);
  const setAside: SetAside[] = [];
  if (stored.replaced !== undefined) {
    const { reason, keptAs } = stored.replaced;
    const rest = `${stored.rows.length} records could be read from it; the file is kept as ${keptAs}`;
    setAside.push({ table: "*", id: "*", reason: `the database was corrupt: ${reason}. ${rest}` });
  }
  const writer = new Writer(path, options.idle, options.committed);
  const unread = Map.groupBy(stored.rows, (row) => row.kind);
  const opened = new Set<string>();
  return {
    table<Id extends string, Value>(name: string, parse: (value: unknown) => Value): RecordTable<Id, Value> {
      if (opened.has(name)) throw new Fault("internal", `the table ${name} is open already`);
      opened.add(name);
      const { records, refused } = parseRows<Id, Value>(unread.get(name) ?? [], parse);
      unread.delete(name);
      for (const { table, id, reason } of refused) {
        // Should this fail, the row is met again at the next start.
        writer.write({ op: "setAside", table, id, reason }, () => undefined).catch(() => undefined);
      }
      setAside.push(...refused);
      return new WrittenTable(name, writer, records);
    },
    setAside,
    sync: () => syncLog(path),
    problem: () => writer.problem,
    async retry() {
      if (writer.problem === undefined) return;
      const [table, id] = ["trial", "trial"];
      const trial = writer.write({ op: "put", table, id, value: "{}" }, () => undefined);
      await trial
        .then(() => writer.write({ op: "delete", table, id }, () => undefined))
        .catch(() => undefined);
    },
    close: () => writer.close(),
  };
}

function parseRows<Id extends string, Value>(rows: readonly Row[], parse: (value: unknown) => Value) {
  const records = new Map<Id, Value>();
  const refused: SetAside[] = [];
  for (const { kind, id, value } of rows) {
    try {
      records.set(id as Id, parse(decodeRecord(value)));
    } catch (error) {
      refused.push({ table: kind, id, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  return { records, refused };
}

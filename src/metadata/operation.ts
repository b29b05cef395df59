/** One change of the database, as it travels to the writer thread. */
export type Operation =
  | { readonly op: "put"; readonly table: string; readonly id: string; readonly value: string }
  | { readonly op: "delete"; readonly table: string; readonly id: string }
  | { readonly op: "setAside"; readonly table: string; readonly id: string; readonly reason: string };

/** What the writer thread is asked: to commit a batch as one transaction, or to end. */
export type WriterRequest = { readonly commit: readonly Operation[] } | { readonly end: true };

/** Its answer to each batch. */
export type WriterAnswer = { readonly committed: true } | ({ readonly committed: false } & WriteFailure);

/** What the writer thread tells of its own accord: what it committed can't be synced, and nothing more can be committed. */
export interface WriterNotice {
  readonly unsynced: WriteFailure;
}

export interface WriteFailure {
  readonly reason: string;
  /** SQLite's. */
  readonly errcode: number;
  /** How the file system refuses a file beside the database, where that was tried. */
  readonly refusal: string | undefined;
}

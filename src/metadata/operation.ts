/** One change of the database, as it travels to the writer thread. */
export type Operation =
  | { readonly op: "put"; readonly table: string; readonly id: string; readonly value: string }
  | { readonly op: "delete"; readonly table: string; readonly id: string }
  | { readonly op: "setAside"; readonly table: string; readonly id: string; readonly reason: string };

/** What the writer thread is asked: to commit a batch as one transaction, or to end. */
export type WriterRequest = { readonly commit: readonly Operation[] } | { readonly end: true };

/** Its answer to each batch. `errcode`: SQLite's. */
export type WriterAnswer =
  | { readonly committed: true }
  | { readonly committed: false; readonly reason: string; readonly errcode: number };

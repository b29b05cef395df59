import type { NriSubject } from "./contract.ts";

interface Known {
  readonly subject: NriSubject;
  readonly isStopped: boolean;
}

/** The containers that plugins were told of, until they are removed, as they were told last. */
export class KnownContainers {
  readonly #known = new Map<string, Known>();

  know(subject: NriSubject): void {
    const { id } = subject.container;
    this.#known.set(id, { subject, isStopped: this.#known.get(id)?.isStopped ?? false });
  }

  get(id: string): NriSubject | undefined {
    return this.#known.get(id)?.subject;
  }

  /** @returns whether its stop is still to be told: once */
  stop(id: string): boolean {
    const known = this.#known.get(id);
    if (known === undefined || known.isStopped) return false;
    this.#known.set(id, { ...known, isStopped: true });
    return true;
  }

  forget(id: string): void {
    this.#known.delete(id);
  }

  /** Those whose stop was not told. */
  notStopped(): NriSubject[] {
    return [...this.#known.values()].filter(({ isStopped }) => !isStopped).map(({ subject }) => subject);
  }
}

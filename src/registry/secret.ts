import { createHmac, randomBytes } from "node:crypto";
import { inspect } from "node:util";

const salt = randomBytes(32);

/** A password or token. It shows itself to nobody who prints, logs or serialises it. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The secret itself: only for the header or form that carries it. */
  reveal(): string {
    return this.#value;
  }

  /** The same for equal secrets, for the life of this process; says nothing of the secret. */
  fingerprint(): string {
    return createHmac("sha256", salt).update(this.#value).digest("hex");
  }

  toString(): string {
    return "(secret)";
  }

  toJSON(): string {
    return "(secret)";
  }

  [inspect.custom](): string {
    return "(secret)";
  }
}

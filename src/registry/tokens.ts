import type { Ms } from "../base/units.ts";
import type { Secret } from "./secret.ts";

const keptMax = 512;

/** Access tokens until they expire, by where, for what and for whom they were given. */
export class TokenCache {
  readonly #tokens = new Map<string, { readonly token: Secret; readonly until: number }>();

  get(key: string): Secret | undefined {
    const found = this.#tokens.get(key);
    if (found === undefined || found.until > performance.now()) return found?.token;
    this.#tokens.delete(key);
    return undefined;
  }

  put(key: string, token: Secret, life: Ms): void {
    if (this.#tokens.size >= keptMax) this.#tokens.delete(this.#tokens.keys().next().value ?? "");
    this.#tokens.set(key, { token, until: performance.now() + life });
  }

  drop(key: string): void {
    this.#tokens.delete(key);
  }
}

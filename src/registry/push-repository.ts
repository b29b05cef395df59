import { throwIfEnded } from "../base/deadline.ts";
import { during, Fault, isFault } from "../base/fault.ts";
import { digestOf } from "../spec/digest.ts";
import type { Descriptor } from "../spec/oci-image.ts";
import type { Reference } from "../spec/reference.ts";
import { Refused } from "./answer.ts";
import { type BackOff, retrying } from "./back-off.ts";
import { noHostServes } from "./failures.ts";
import type { HostSession } from "./host-session.ts";
import { drain } from "./redirect.ts";
import {
  beginUpload,
  hasBlob,
  type Moved,
  mountBlob,
  UnreadableBlob,
  type UploadedBlob,
  uploadBlob,
} from "./upload.ts";

/** How a blob came to be in a repository: it was there, was taken from another one of the registry, or was sent. */
export type BlobArrival = "present" | "mounted" | "uploaded";

/** The manifest of an image, as bytes. */
export interface PushedManifest {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** One repository at the one host that is pushed to, so that a manifest is where its blobs are. */
export class PushRepository {
  readonly #reference: Reference;
  readonly #session: HostSession;
  readonly #settings: { readonly backOff: BackOff; readonly configPath: string };

  constructor(
    reference: Reference,
    session: HostSession,
    settings: { readonly backOff: BackOff; readonly configPath: string },
  ) {
    this.#reference = reference;
    this.#session = session;
    this.#settings = settings;
  }

  /**
   * Brings a blob there, unless it is there.
   *
   * @param from another repository of the registry that may have it
   * @throws {Fault} what the host said, or why the blob's own bytes could not be read
   */
  blob(
    blob: UploadedBlob,
    from: string | undefined,
    moved: Moved,
    signal: AbortSignal,
  ): Promise<BlobArrival> {
    return this.#telling(`sending ${blob.digest}`, signal, async () => {
      const session = this.#session;
      const { backOff } = this.#settings;
      const scope = this.#scope();
      if (await retrying(() => hasBlob(session, blob.digest, scope, signal), backOff, signal))
        return "present";
      const location = await retrying(() => this.#open(blob, from, signal), backOff, signal);
      if (location === undefined) return "mounted";
      await uploadBlob(session, location, blob, { backOff, scope }, moved, signal);
      return "uploaded";
    });
  }

  /** Puts a manifest, whose blobs are there, under a tag or its digest. @throws {Fault} what the host said */
  async manifest({ mediaType, bytes }: PushedManifest, named: string, signal: AbortSignal): Promise<void> {
    const headers = { "content-type": mediaType, "content-length": String(bytes.length) };
    const request = { headers, body: bytes, scope: this.#scope() };
    await this.#telling("sending the manifest", signal, async () => {
      const put = () => this.#session.ask("PUT", `manifests/${named}`, request, signal);
      const { answer } = await retrying(put, this.#settings.backOff, signal);
      drain(answer);
      const said = answer.headers["docker-content-digest"];
      const digest = digestOf(bytes);
      if (typeof said === "string" && said !== digest)
        throw new Fault(
          "corrupt",
          `the registry has the manifest as ${said.slice(0, 100)}, not as ${digest}`,
        );
    });
  }

  /** Where the upload goes on; undefined when the registry took the blob from `from`. */
  async #open(
    { digest }: Pick<Descriptor, "digest">,
    from: string | undefined,
    signal: AbortSignal,
  ): Promise<URL | undefined> {
    if (from !== undefined) {
      try {
        const scope = `${this.#scope()} repository:${from}:pull`;
        return await mountBlob(this.#session, { digest, from }, scope, signal);
      } catch (error) {
        // Whoever may push here need not be allowed to read there.
        if (!(error instanceof Refused) || isFault(error, "unavailable")) throw error;
      }
    }
    return beginUpload(this.#session, this.#scope(), signal);
  }

  #scope(): string {
    return `repository:${this.#reference.repository}:pull,push`;
  }

  async #telling<T>(doing: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throwIfEnded(signal, doing);
      if (error instanceof UnreadableBlob) throw during(doing, error.cause);
      throw noHostServes(doing, [{ session: this.#session, error }], this.#settings);
    }
  }
}

import { throwIfEnded } from "../base/deadline.ts";
import { Fault, isFault } from "../base/fault.ts";
import type { Digest } from "../base/ids.ts";
import type { Bytes, Ms } from "../base/units.ts";
import { digestOf, isDigest } from "../spec/digest.ts";
import { type Descriptor, mediaTypes, parseManifest } from "../spec/oci-image.ts";
import { type Reference, repositoryName } from "../spec/reference.ts";
import type { HostCapability } from "../spec/registry-host.ts";
import { type BackOff, retrying } from "./back-off.ts";
import { BlobFetch, type BlobTarget, type FetchWatch, NoHostLeft } from "./blob-fetch.ts";
import { BlobHosts, BlobTrust } from "./blob-hosts.ts";
import { blobFrom } from "./blob-stream.ts";
import { readBody } from "./body.ts";
import type { HostConnections } from "./connections.ts";
import { type HostFailure, noHostServes } from "./failures.ts";
import type { HostHealth } from "./host-health.ts";
import type { HostSession } from "./host-session.ts";
import { hostTurns } from "./host-turns.ts";
import { PushRepository } from "./push-repository.ts";
import { drain } from "./redirect.ts";

/** A manifest or an index as a registry gave it; its bytes have the digest. */
export interface FetchedManifest {
  readonly digest: Digest;
  /** The Content-Type, without parameters. Undefined when there was none. */
  readonly mediaType: string | undefined;
  readonly bytes: Buffer;
}

export interface RepositorySettings {
  readonly stall: Ms;
  readonly backOff: BackOff;
  readonly health: HostHealth;
  readonly connections: HostConnections;
  /** At most so many connections bring one blob. */
  readonly mostLanes: number;
  readonly maxManifest: Bytes;
  readonly configPath: string;
}

const accept = [
  mediaTypes.ociIndex,
  mediaTypes.dockerIndex,
  mediaTypes.ociManifest,
  mediaTypes.dockerManifest,
  "*/*;q=0.1",
].join(", ");

/** One repository, asked at each of its hosts in order until one serves. */
export class RemoteRepository {
  readonly #reference: Reference;
  readonly #sessions: readonly HostSession[];
  readonly #settings: RepositorySettings;
  readonly #trust = new BlobTrust();

  constructor(reference: Reference, sessions: readonly HostSession[], settings: RepositorySettings) {
    this.#reference = reference;
    this.#sessions = sessions;
    this.#settings = settings;
  }

  /**
   * What a tag or digest stands for now, without its content; undefined when no host will say so short.
   *
   * @throws {Fault} unavailable and others, as `manifest` does
   */
  async resolve(named: string, signal: AbortSignal): Promise<Digest | undefined> {
    try {
      return await this.atAnyHost(
        `resolving ${this.#shown(named)}`,
        capabilityFor(named),
        signal,
        async (session) => {
          const { answer } = await session.ask("HEAD", `manifests/${named}`, { headers: { accept } }, signal);
          drain(answer);
          const digest = answer.headers["docker-content-digest"];
          return typeof digest === "string" && isDigest(digest) ? digest : undefined;
        },
      );
    } catch (error) {
      // An answer to HEAD has no text: let GET tell what is wrong.
      if (isFault(error, "notFound", "internal", "unauthenticated", "forbidden")) return undefined;
      throw error;
    }
  }

  /**
   * Fetches a manifest or an index by tag or digest.
   *
   * @throws {Fault} notFound, unauthenticated, forbidden, unavailable, corrupt (another digest), exhausted
   * (too large): what the last host said, with what each said in the message
   */
  manifest(named: string, signal: AbortSignal): Promise<FetchedManifest> {
    const doing = `fetching the manifest of ${this.#shown(named)}`;
    return this.atAnyHost(doing, capabilityFor(named), signal, async (session) => {
      const { answer, url } = await session.ask("GET", `manifests/${named}`, { headers: { accept } }, signal);
      const bytes = await readBody(answer, url, this.#settings.maxManifest, this.#settings.stall, signal);
      const digest = digestOf(bytes);
      const said = answer.headers["docker-content-digest"];
      const expected = isDigest(named) ? named : typeof said === "string" && isDigest(said) ? said : digest;
      if (digest !== expected)
        throw new Fault("corrupt", `the manifest has digest ${digest}, not ${expected}`);
      return {
        digest,
        mediaType: answer.headers["content-type"]?.split(";")[0]?.trim().toLowerCase(),
        bytes,
      };
    });
  }

  /**
   * What refers to the manifest `digest` (distribution spec v1.1, Listing Referrers): signatures, and whatever else is
   * attached. Of a registry that keeps no such list, or may not be asked for it, what its clients wrote into the tag that stands in for it.
   *
   * @throws {Fault} as `manifest` does
   */
  async referrers(digest: Digest, signal: AbortSignal): Promise<readonly Descriptor[]> {
    const doing = `listing what refers to ${this.#shown(digest)}`;
    const { maxManifest, stall } = this.#settings;
    const list = async () =>
      this.atAnyHost(doing, "referrers", signal, async (session) => {
        const headers = { accept: mediaTypes.ociIndex };
        const { answer, url } = await session.ask("GET", `referrers/${digest}`, { headers }, signal);
        return readBody(answer, url, maxManifest, stall, signal);
      });
    const bytes = await list().catch(async (error: unknown) => {
      if (!isFault(error, "notFound", "internal", "invalid")) throw error;
      const byTag = this.manifest(digest.replace(":", "-"), signal);
      return byTag
        .then(({ bytes }) => bytes)
        .catch((cause: unknown) => {
          if (isFault(cause, "notFound")) return undefined;
          throw cause;
        });
    });
    const index = bytes && parseManifest(bytes, mediaTypes.ociIndex);
    return index?.kind === "index" ? index.manifests : [];
  }

  /** Fetches a whole small blob: an image's config. @throws {Fault} as `manifest` does */
  async smallBlob(blob: Descriptor, signal: AbortSignal): Promise<Buffer> {
    const { maxManifest, stall } = this.#settings;
    if (blob.size > maxManifest) {
      throw new Fault(
        "exhausted",
        `${blob.digest} is announced with ${blob.size} bytes; at most ${maxManifest} are taken`,
      );
    }
    return this.atAnyHost(`fetching ${this.#shown(blob.digest)}`, "pull", signal, async (session) => {
      const { answer, url } = await session.ask("GET", `blobs/${blob.digest}`, {}, signal);
      const bytes = await readBody(answer, url, blob.size, stall, signal);
      if (digestOf(bytes) !== blob.digest)
        throw new Fault("corrupt", `what came for ${blob.digest} has another digest`);
      return bytes;
    });
  }

  /**
   * Streams a blob; after a break it goes on where it stopped, at the same host or the next. Exactly
   * `blob.size` bytes come, not verified: the reader compares the digest.
   *
   * @throws {Fault} as `manifest` does
   */
  async *blob(blob: Descriptor, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    const hosts = this.#blobHosts(blob);
    const rest = { from: 0, to: blob.size };
    for (let host = hosts.current; host !== undefined; host = hosts.current) {
      const [session, backOff] = host;
      const patience = { stall: this.#settings.stall, backOff };
      try {
        for await (const batch of blobFrom(session, blob, rest, patience, () => undefined, signal)) {
          hosts.gave(session);
          for (const chunk of batch) {
            rest.from += chunk.length;
            yield chunk;
          }
        }
        hosts.answered(session);
        return;
      } catch (error) {
        hosts.failed(session, error, signal);
        throwIfEnded(signal, `fetching ${this.#shown(blob.digest)}`);
      } finally {
        hosts.left(session);
      }
    }
    throw noHostServes(`fetching ${this.#shown(blob.digest)}`, hosts.failures, this.#settings);
  }

  /**
   * Brings what `target` wants of a blob, over several connections where that makes it faster. Not verified: whoever reads
   * it compares the digest.
   *
   * @throws {Fault} as `manifest` does; what the target throws
   */
  async fetchBlob(
    blob: Descriptor,
    target: BlobTarget,
    watch: FetchWatch,
    signal: AbortSignal,
  ): Promise<void> {
    const doing = `fetching ${this.#shown(blob.digest)}`;
    const { stall, connections, mostLanes } = this.#settings;
    const parts = { hosts: this.#blobHosts(blob), connections, stall, mostLanes };
    try {
      await new BlobFetch(blob, target, parts, watch).run(signal);
    } catch (error) {
      throwIfEnded(signal, doing);
      if (error instanceof NoHostLeft) throw noHostServes(doing, parts.hosts.failures, this.#settings);
      throw error;
    }
  }

  /**
   * What came last of the blob was not what the digest says: whoever gave of it is not asked for it again.
   *
   * @returns true if another host is left to ask; false, too, when none had given anything
   */
  distrust(digest: Digest): boolean {
    const somebodyGave = this.#trust.distrust(digest);
    return somebodyGave && this.#able("pull").some((session) => !this.#trust.isWrong(digest, session));
  }

  #blobHosts({ digest }: Descriptor): BlobHosts {
    return new BlobHosts(digest, this.#able("pull"), this.#settings, this.#trust);
  }

  /**
   * What the first host gives that is able to, in order; one that fails is asked again a few times if that may help.
   *
   * @param doing for the error: `fetching the manifest of …`
   * @throws {Fault} as `manifest` does
   */
  async atAnyHost<T>(
    doing: string,
    capability: HostCapability,
    signal: AbortSignal,
    attempt: (session: HostSession) => Promise<T>,
  ): Promise<T> {
    const failures: HostFailure[] = [];
    const { health } = this.#settings;
    for (const [session, backOff] of hostTurns(this.#able(capability), this.#settings, failures)) {
      try {
        const watched = () => health.watch(session.host.base, signal, () => attempt(session));
        return await retrying(watched, backOff, signal);
      } catch (error) {
        throwIfEnded(signal, doing);
        failures.push({ session, error });
      }
    }
    throw noHostServes(doing, failures, this.#settings);
  }

  /** What is pushed goes to the first host that takes it. @throws {Fault} invalid when none is configured to */
  forPush(): PushRepository {
    const [session] = this.#able("push");
    if (session === undefined)
      throw noHostServes(`pushing to ${repositoryName(this.#reference)}`, [], this.#settings);
    return new PushRepository(this.#reference, session, this.#settings);
  }

  #able(capability: HostCapability): HostSession[] {
    return this.#sessions.filter((session) => session.host.capabilities.has(capability));
  }

  #shown(named: string): string {
    return `${repositoryName(this.#reference)}${isDigest(named) ? "@" : ":"}${named}`;
  }
}

/** A tag may mean something else at a mirror that is behind; a digest can't. */
function capabilityFor(named: string): HostCapability {
  return isDigest(named) ? "pull" : "resolve";
}

import { credentialFingerprint, readCredential } from "../registry/credential.ts";
import { formatReference, type Reference } from "../spec/reference.ts";
import type { ImageRecord, PullOptions, PullProgress } from "./contract.ts";
import { type ImageParts, partsIn, type UnpackParts } from "./parts.ts";
import { PhaseTimes } from "./phase-times.ts";
import { pullImage, type RuledPull } from "./pull.ts";
import { SharedWork } from "./shared-work.ts";
import { chooseName } from "./short-names.ts";

/** What is pulled, under the names that it may have, until one of them is found. */
interface WantedImage extends Pick<RuledPull, "auth" | "rules"> {
  readonly candidates: readonly Reference[];
}

/** The pulls in flight. Whoever asks for the same, with the same credential and under the same rules, shares one. */
export class ImagePulls {
  readonly #parts: ImageParts;
  readonly #closing: AbortSignal;
  readonly #recorded: () => Promise<void>;
  readonly #shared = new SharedWork<string, ImageRecord, PullProgress>("pulling an image");

  /**
   * @param closing ends all of them
   * @param recorded called once for each image that has come, before those who wait are told
   */
  constructor(parts: ImageParts, closing: AbortSignal, recorded: () => Promise<void>) {
    this.#parts = parts;
    this.#closing = closing;
    this.#recorded = recorded;
  }

  /**
   * @param progress is told how far it is, also of what began before
   * @throws {Fault} invalid for a name that is none or malformed rules; cancelled or deadline, as `signal` says; as `pullImage`
   */
  async pull(
    name: string,
    options: PullOptions | undefined,
    progress: (step: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<ImageRecord> {
    const { snapshotters } = this.#parts.store;
    const { auth, snapshotter = snapshotters.usual, namespace = "" } = options ?? {};
    const rules = await this.#parts.admission?.rules(namespace);
    const parts = partsIn(this.#parts, snapshotter);
    const candidates = this.#parts.registry.candidates(name);
    const shown = candidates.map(formatReference).join();
    const credential = credentialFingerprint(readCredential(auth));
    const key = [shown, snapshotter, credential, rules?.key].join(" ");
    const wanted = { candidates, auth, rules };
    return await this.#shared.join(
      key,
      (report, aborted) => this.#pullOnce(wanted, parts, report, AbortSignal.any([aborted, this.#closing])),
      progress,
      signal,
    );
  }

  async #pullOnce(
    { candidates, auth, rules }: WantedImage,
    parts: UnpackParts,
    report: (step: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<ImageRecord> {
    const phases = new PhaseTimes();
    const watch = parts.pulls?.began();
    const tell = (step: PullProgress) => {
      phases.enter(step.phase);
      watch?.told(step);
      report(step);
    };
    let pulled: ImageRecord;
    let reference: Reference;
    try {
      const chosen = await chooseName(candidates, auth, parts, signal);
      reference = chosen.reference;
      pulled = await pullImage({ ...chosen, rules }, parts, tell, signal);
    } catch (error) {
      watch?.failed(error);
      throw error;
    }
    const timeline = phases.end();
    watch?.succeeded(pulled, timeline);
    const { id: imageId, size } = pulled;
    parts.log.info({ image: formatReference(reference), imageId, size, timeline }, "image is pulled");
    await this.#recorded();
    return pulled;
  }

  /** Resolves when none is in flight any more, however it ended. */
  async idle(): Promise<void> {
    await this.#shared.idle();
  }
}

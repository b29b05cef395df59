import { Fault } from "../../base/fault.ts";
import type { Digest } from "../../base/ids.ts";
import type { ImageRecord, Images, RegistryAuth } from "../../image/contract.ts";
import type { ImageTransfer } from "../parts.ts";

/** Images kept in a map: no registry is asked, nothing is unpacked. */
export class ImagesInMemory {
  readonly records = new Map<string, ImageRecord>();
  /** The credentials of the last pull. */
  auth: RegistryAuth | undefined;
  /** Where that was to be unpacked. */
  snapshotter: string | undefined;
  /** Whom it was for. */
  namespace: string | undefined;

  images(): Images {
    return {
      find: (reference) => this.records.get(reference),
      list: () => new Set(this.records.values()),
      pull: async (reference, options) => {
        this.auth = options?.auth;
        this.snapshotter = options?.snapshotter;
        this.namespace = options?.namespace;
        const record = this.records.get(reference);
        if (record === undefined) throw new Fault("unauthenticated", `pulling ${reference}: 401`);
        return record;
      },
      unpackIn: async () => undefined,
      annotations: async () => ({}),
      history: async () => [{ created_by: "COPY all of it", empty_layer: false }],
      requireAllowed: async () => undefined,
      remove: async (reference) => void this.records.delete(reference),
    };
  }

  transfer(): ImageTransfer {
    return {
      pull: async (reference, options, progress, signal) => {
        progress({ phase: "resolving" });
        const layer = { phase: "layer", digest: "sha256:l" as Digest, total: 2 } as const;
        progress({ ...layer, state: "fetching", done: 1 });
        progress({ ...layer, state: "unpacking", done: 2 });
        return this.images().pull(reference, options, signal);
      },
      testAdmission: async (image, { namespace }) => ({
        image,
        allowed: false,
        policy: { file: "/p.json", because: `of the namespace ${namespace}`, path: "default" },
        requirements: [
          { path: "default[0]", type: "reject", accepted: false, reason: "no image is accepted" },
        ],
        lookedAt: [{ place: "there", found: 2, note: "" }],
        signatures: [],
        verifiers: [],
      }),
      import: async () => [...this.records.values()],
      export: async function* () {
        yield* [Buffer.from("a "), Buffer.from("tar")];
      },
      push: async ({ image, destination = image }, progress) => {
        const layer = { phase: "layer", digest: "sha256:l" as Digest, total: 2 } as const;
        progress({ ...layer, state: "mounted", done: 2 });
        progress({ phase: "committing" });
        return { reference: destination, digest: "sha256:m" as Digest, byAnother: false };
      },
      tag: async (image, name) => {
        const record = this.records.get(image);
        if (record !== undefined) this.records.set(name, record);
      },
      untag: async (name) => void this.records.delete(name),
    };
  }
}

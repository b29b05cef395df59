import { during, isFault } from "../../base/fault.ts";
import type { Ms } from "../../base/units.ts";
import { type Info, type Mount, SnapshotsService } from "../../wire/gen/snapshots.v1.ts";
import { type Connection, connect } from "../../wire/grpc/client.ts";
import type { CallOptions, Calls } from "../../wire/grpc/method.ts";
import type { SnapshotUsage } from "../contract.ts";
import type { Labels } from "./labels.ts";

/** A snapshotter in a process of its own. */
export interface RemoteSettings {
  /** What berth calls it, and its own name, should it be one of several there. */
  readonly name: string;
  /** Its socket: an absolute path, or `unix://…`. */
  readonly address: string;
  /** containerd's namespace, for those that keep namespaces apart. */
  readonly namespace: string;
  /** Of each call: one that hangs must not hold up who waits for it. */
  readonly deadline: Ms;
}

/**
 * containerd's snapshots service, called over a unix socket. Nothing is connected before the first call; a connection that was
 * lost is made anew. Each failure says which snapshotter was asked for what, and what it answered.
 */
export class SnapshotsClient {
  readonly #settings: RemoteSettings;
  readonly #connection: Connection;
  readonly #calls: Calls<typeof SnapshotsService>;

  constructor(settings: RemoteSettings) {
    this.#settings = settings;
    this.#connection = connect(settings.address, {
      metadata: { "containerd-namespace": settings.namespace },
    });
    this.#calls = this.#connection.calls(SnapshotsService);
  }

  close(): void {
    this.#connection.close();
  }

  /** @throws {Fault} alreadyExists, when there is one of this key, or it was committed under the name that the labels give */
  async prepare(
    key: string,
    parent: string | undefined,
    labels: Labels,
    signal?: AbortSignal,
  ): Promise<readonly Mount[]> {
    const request = { ...this.#named(key), parent: parent ?? "", labels: { ...labels } };
    return this.#asked(
      `preparing ${key}`,
      async () => (await this.#calls.prepare(request, this.#within(signal))).mounts,
    );
  }

  async view(key: string, parent: string, labels: Labels): Promise<readonly Mount[]> {
    const request = { ...this.#named(key), parent, labels: { ...labels } };
    return this.#asked(
      `viewing ${parent}`,
      async () => (await this.#calls.view(request, this.#within())).mounts,
    );
  }

  async mounts(key: string): Promise<readonly Mount[]> {
    return this.#asked(
      `the mounts of ${key}`,
      async () => (await this.#calls.mounts(this.#named(key), this.#within())).mounts,
    );
  }

  async commit(name: string, key: string, labels: Labels): Promise<void> {
    const request = { snapshotter: this.#settings.name, name, key, labels: { ...labels } };
    await this.#asked(`committing ${name}`, () => this.#calls.commit(request, this.#within()));
  }

  /** Succeeds if it is not there. @throws {Fault} wrongState when others are on top of it */
  async remove(key: string): Promise<void> {
    await this.#asked(`removing ${key}`, () => this.#calls.remove(this.#named(key), this.#within())).catch(
      unlessMissing,
    );
  }

  /** Undefined when there is none. */
  async find(key: string): Promise<Info | undefined> {
    return await this.#asked(
      `looking for ${key}`,
      async () => (await this.#calls.stat(this.#named(key), this.#within())).info,
    ).catch(unlessMissing);
  }

  /**
   * @param filter in containerd's filter language
   * @throws {Fault} internal, too: by stargz, as long as it never had a snapshot
   */
  async list(filter: string): Promise<readonly Info[]> {
    const request = { snapshotter: this.#settings.name, filters: [filter] };
    return this.#asked("listing snapshots", async () => {
      const found: Info[] = [];
      for await (const { info } of this.#calls.list(request, this.#within())) found.push(...info);
      return found;
    });
  }

  async usage(key: string): Promise<SnapshotUsage> {
    const { size, inodes } = await this.#asked(`the usage of ${key}`, () =>
      this.#calls.usage(this.#named(key), this.#within()),
    );
    return { bytes: Number(size), inodes: Number(inodes) };
  }

  /** Has it give back the space of what was removed. Many do so at once, and don't know the call. */
  async cleanup(): Promise<void> {
    const request = { snapshotter: this.#settings.name };
    await this.#asked("cleaning up", () => this.#calls.cleanup(request, this.#within())).catch((error) => {
      // That there is nothing to clean up is notFound to some.
      if (!isFault(error, "unimplemented", "notFound")) throw error;
    });
  }

  #named(key: string): { snapshotter: string; key: string } {
    return { snapshotter: this.#settings.name, key };
  }

  #within(signal?: AbortSignal): CallOptions {
    const { deadline: timeout } = this.#settings;
    return signal === undefined ? { timeout } : { timeout, signal };
  }

  async #asked<T>(doing: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      const { name, address } = this.#settings;
      throw during(`the snapshotter ${name} (${address}), ${doing}`, error);
    }
  }
}

function unlessMissing(error: unknown): undefined {
  if (isFault(error, "notFound")) return undefined;
  throw error;
}

import { Fault } from "../../base/fault.ts";
import type { ContainerUpdate, LinuxResources } from "../../wire/gen/nri.v1alpha1.ts";
import type { NriAdjustment } from "../contract.ts";
import type { Owners } from "./owners.ts";
import { collectResources, emptyResources } from "./resources.ts";
import { claimsOf } from "./sections.ts";

/** What plugins ask to be changed of one container that is there. */
export interface AskedUpdate {
  readonly update: ContainerUpdate;
  readonly owners: NriAdjustment["owners"];
}

interface Collected {
  readonly resources: LinuxResources;
  /** True while all that ask for it don't mind its failure. */
  ignoreFailure: boolean;
}

/** The updates of running containers that all plugins together ask for in one request. */
export class CollectedUpdates {
  readonly #owners: Owners;
  readonly #updates = new Map<string, Collected>();

  /** @param requested the container that the request itself updates, and how */
  constructor(owners: Owners, requested?: { readonly id: string; readonly resources: LinuxResources }) {
    this.#owners = owners;
    if (requested !== undefined)
      this.#updates.set(requested.id, { resources: requested.resources, ignoreFailure: false });
  }

  /**
   * @param creating the container that is being created, which can't be updated yet
   * @throws {Fault} wrongState when it sets what another plugin has set; invalid
   */
  apply(updates: readonly ContainerUpdate[], plugin: string, creating?: string): void {
    for (const { containerId, linux, ignoreFailure } of updates) {
      if (containerId === creating)
        throw new Fault(
          "invalid",
          `NRI plugin ${plugin} updates container ${containerId} while it is created`,
        );
      const standing = this.#updates.get(containerId);
      const resources = structuredClone(standing?.resources ?? emptyResources());
      try {
        if (linux?.resources !== undefined)
          collectResources(linux.resources, [resources], claimsOf(this.#owners, containerId, plugin));
      } catch (error) {
        if (ignoreFailure) continue;
        throw error;
      }
      const ignored = ignoreFailure && (standing?.ignoreFailure ?? true);
      this.#updates.set(containerId, { resources, ignoreFailure: ignored });
    }
  }

  resources(id: string): LinuxResources | undefined {
    return this.#updates.get(id)?.resources;
  }

  /** All but those of the container that the request is about. */
  others(requested?: string): AskedUpdate[] {
    return Array.from(this.#updates, ([containerId, { resources, ignoreFailure }]) => ({
      update: { containerId, linux: { resources }, ignoreFailure },
      owners: this.#owners.list(containerId),
    })).filter(({ update }) => update.containerId !== requested);
  }
}

import type { Logger } from "pino";
import type { Paths } from "../config/paths.ts";
import type { Config } from "../config/schema.ts";
import type { ContainerBook } from "../container/parts.ts";
import { openLayerKeys } from "../encryption/open.ts";
import type { PullObserver } from "../image/contract.ts";
import type { NodeImages } from "../image/images.ts";
import { openImages } from "../image/open.ts";
import type { Processes } from "../linux/contract.ts";
import type { Metadata } from "../metadata/contract.ts";
import { openAdmission } from "../policy/admission.ts";
import type { ImageAdmission } from "../policy/contract.ts";
import type { RegistryClient } from "../registry/client.ts";
import type { NodeSnapshotters } from "../snapshot/snapshotters.ts";
import type { LayerUnpacker } from "../snapshot/unpack-contract.ts";
import type { SnapshotWorkers } from "../snapshot/workers.ts";
import type { HostParts } from "./open-host.ts";
import { usersOfChains } from "./users-of-chains.ts";

/** What images are opened with that others use, too. */
interface NodeImagesParts {
  readonly host: Pick<HostParts, "processes" | "mounts" | "bootId">;
  readonly metadata: Metadata;
  readonly snapshotters: NodeSnapshotters;
  readonly unpacker: LayerUnpacker;
  /** Walk directories and compare layers, which takes its time. */
  readonly comparers: SnapshotWorkers;
  readonly registry: RegistryClient;
  readonly containers: ContainerBook;
  readonly pulls: PullObserver | undefined;
  readonly log: Logger;
}

/** Opens the images of this node, with what the settings say of them: who may use which, and which keys there are. */
export function openNodeImages(config: Config, paths: Paths, parts: NodeImagesParts): Promise<NodeImages> {
  const { host, comparers } = parts;
  return openImages({
    config,
    metadata: parts.metadata,
    content: paths.content,
    snapshotters: parts.snapshotters,
    unpacker: parts.unpacker,
    bootId: host.bootId,
    admission: imageAdmission(config, paths, host.processes),
    layerKeys: openLayerKeys({
      settings: config.decryption,
      processes: host.processes,
      path: config.runtime.path,
    }),
    pulls: parts.pulls,
    log: parts.log,
    users: usersOfChains(parts.containers),
    registry: parts.registry,
    checking: {
      mounts: host.mounts,
      directory: paths.checks,
      compare: (request) => comparers.run("compare", request),
      root: config.root,
      usage: (directory) => comparers.run("usage", { directory }),
    },
  });
}

/** What says which images may be used. */
function imageAdmission(config: Config, paths: Paths, processes: Processes): ImageAdmission {
  const { policy: settings, runtime } = config;
  const { path } = runtime;
  return openAdmission({
    settings,
    gpg: { processes, path, gpgv: settings.gpgv, scratch: paths.scratch },
    lookaside: { registriesDirectory: settings.registriesDirectory, proxyEnv: process.env },
    verifying: { processes, path, settings: settings.verifiers },
  });
}

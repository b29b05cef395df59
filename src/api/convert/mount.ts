import type { ImageSpec, Mount } from "../../spec/cri/container-config.ts";
import * as cri from "../../wire/gen/runtime.v1.ts";
import { checkPathBelow, enumFrom, requireAbsolutePath, wrongField } from "./field.ts";
import { checkMapping } from "./namespaces.ts";

const propagations: Readonly<Record<number, Mount["propagation"]>> = {
  [cri.MountPropagation.PROPAGATION_PRIVATE]: "private",
  [cri.MountPropagation.PROPAGATION_HOST_TO_CONTAINER]: "hostToContainer",
  [cri.MountPropagation.PROPAGATION_BIDIRECTIONAL]: "bidirectional",
};

const propagationNumbers: Readonly<Record<Mount["propagation"], cri.MountPropagation>> = {
  private: cri.MountPropagation.PROPAGATION_PRIVATE,
  hostToContainer: cri.MountPropagation.PROPAGATION_HOST_TO_CONTAINER,
  bidirectional: cri.MountPropagation.PROPAGATION_BIDIRECTIONAL,
};

/**
 * CRI Mount; `image` is its image, decoded.
 *
 * @throws {Fault} invalid
 */
export function decodeMount(mount: cri.Mount, image: ImageSpec | undefined, field: string): Mount {
  const containerPath = requireAbsolutePath(mount.containerPath, `${field}.container_path`);
  const propagation = enumFrom(mount.propagation, `${field}.propagation`, propagations);
  if (image === undefined) {
    requireAbsolutePath(mount.hostPath, `${field}.host_path`);
    if (mount.imageSubPath !== "") {
      throw wrongField(`${field}.image_sub_path`, "set, although there is no image");
    }
  } else if (mount.hostPath !== "") {
    throw wrongField(field, "has both host_path and image");
  }
  if (mount.recursiveReadOnly && !mount.readonly) {
    throw wrongField(`${field}.recursive_read_only`, "set, although readonly is not");
  }
  if (mount.recursiveReadOnly && propagation !== "private") {
    throw wrongField(`${field}.recursive_read_only`, "set, although propagation is not private");
  }
  return {
    containerPath,
    hostPath: mount.hostPath,
    readonly: mount.readonly,
    recursiveReadOnly: mount.recursiveReadOnly,
    selinuxRelabel: mount.selinuxRelabel,
    propagation,
    uidMappings: mount.uidMappings.map((at, index) => checkMapping(at, `${field}.uidMappings[${index}]`)),
    gidMappings: mount.gidMappings.map((at, index) => checkMapping(at, `${field}.gidMappings[${index}]`)),
    ...(image === undefined ? {} : { image }),
    imageSubPath: checkPathBelow(mount.imageSubPath, `${field}.image_sub_path`),
    options: mount.mountOptions,
  };
}

/** `imageRef`: the reference of the image that is mounted, by its digest. */
export function encodeMount(mount: Mount, imageRef: string): cri.Mount {
  return {
    containerPath: mount.containerPath,
    hostPath: mount.hostPath,
    readonly: mount.readonly,
    selinuxRelabel: mount.selinuxRelabel,
    propagation: propagationNumbers[mount.propagation],
    uidMappings: mount.uidMappings,
    gidMappings: mount.gidMappings,
    recursiveReadOnly: mount.recursiveReadOnly,
    image: mount.image === undefined ? undefined : { ...mount.image, imageRef },
    imageSubPath: mount.imageSubPath,
    mountOptions: mount.options,
  };
}

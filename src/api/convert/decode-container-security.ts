import type { ContainerSecurity } from "../../spec/cri/container-config.ts";
import * as cri from "../../wire/gen/runtime.v1.ts";
import { wrongField } from "./field.ts";
import { decodeNamespaceOptions } from "./namespaces.ts";
import {
  decodeGroupsPolicy,
  decodeId,
  decodeOptionalId,
  decodeSELinuxOptions,
  decodeSecurityProfile,
} from "./security.ts";

/**
 * CRI LinuxContainerSecurityContext; an absent one has every field at its default.
 *
 * @throws {Fault} invalid
 */
export function decodeContainerSecurity(
  given: cri.LinuxContainerSecurityContext | undefined,
  field: string,
): ContainerSecurity {
  const context = given ?? cri.LinuxContainerSecurityContext.create();
  const { capabilities } = context;
  const selinux = decodeSELinuxOptions(context.selinuxOptions);
  const seccomp = decodeSecurityProfile(
    context.seccomp,
    `${field}.seccomp`,
    context.seccompProfilePath,
    `${field}.seccomp_profile_path`,
  );
  const apparmor = decodeSecurityProfile(
    context.apparmor,
    `${field}.apparmor`,
    context.apparmorProfile,
    `${field}.apparmor_profile`,
  );
  return {
    capabilities: {
      add: capabilities?.addCapabilities ?? [],
      drop: capabilities?.dropCapabilities ?? [],
      addAmbient: capabilities?.addAmbientCapabilities ?? [],
    },
    privileged: context.privileged,
    namespaces: decodeNamespaceOptions(context.namespaceOptions, `${field}.namespace_options`),
    ...(selinux === undefined ? {} : { selinux }),
    ...decodeUser(context, field),
    readonlyRootfs: context.readonlyRootfs,
    supplementalGroups: context.supplementalGroups.map((id, index) =>
      decodeId(id, `${field}.supplemental_groups[${index}]`),
    ),
    supplementalGroupsPolicy: decodeGroupsPolicy(
      context.supplementalGroupsPolicy,
      `${field}.supplemental_groups_policy`,
    ),
    noNewPrivs: context.noNewPrivs,
    maskedPaths: context.maskedPaths,
    readonlyPaths: context.readonlyPaths,
    ...(seccomp === undefined ? {} : { seccomp }),
    ...(apparmor === undefined ? {} : { apparmor }),
  };
}

type User = Pick<ContainerSecurity, "runAsUser" | "runAsGroup" | "runAsUsername">;

function decodeUser(context: cri.LinuxContainerSecurityContext, field: string): User {
  const runAsUser = decodeOptionalId(context.runAsUser, `${field}.run_as_user`);
  const runAsGroup = decodeOptionalId(context.runAsGroup, `${field}.run_as_group`);
  const { runAsUsername } = context;
  if (runAsUser !== undefined && runAsUsername !== "") {
    throw wrongField(`${field}.run_as_username`, "set, although run_as_user is");
  }
  if (runAsGroup !== undefined && runAsUser === undefined && runAsUsername === "") {
    throw wrongField(`${field}.run_as_group`, "set, although neither run_as_user nor run_as_username is");
  }
  return {
    ...(runAsUser === undefined ? {} : { runAsUser }),
    ...(runAsGroup === undefined ? {} : { runAsGroup }),
    runAsUsername,
  };
}

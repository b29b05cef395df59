import { LinuxContainerSecurityContext, SecurityProfile_ProfileType } from "../../src/wire/gen/runtime.v1.ts";

/** What makes a container run under berth's own seccomp profile, or whatever a pod's annotations put in its place. */
export const underDefaultSeccomp = {
  linux: {
    securityContext: LinuxContainerSecurityContext.create({
      seccomp: { profileType: SecurityProfile_ProfileType.RuntimeDefault, localhostRef: "" },
    }),
    resources: undefined,
  },
};

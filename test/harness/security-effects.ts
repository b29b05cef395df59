import { lowestOomScoreAdj } from "../../src/linux/oom-score.ts";
import {
  type ContainerConfig,
  LinuxContainerResources,
  type LinuxContainerSecurityContext,
  NamespaceMode,
  SecurityProfile_ProfileType as ProfileType,
  SupplementalGroupsPolicy,
} from "../../src/wire/gen/runtime.v1.ts";

/** A container's security context, with what differs from the usual. */
export type Security = Parameters<typeof LinuxContainerSecurityContext.create>[0];

/** One field of the CRI, how it is set, what the container does, and what it then writes. */
export interface Effect {
  readonly field: string;
  readonly security?: Security;
  readonly config?: Partial<ContainerConfig>;
  readonly script: string;
  readonly writes: string | RegExp;
}

/** Of a pod as most are. */
export const namespaceOptions = {
  network: NamespaceMode.POD,
  pid: NamespaceMode.CONTAINER,
  ipc: NamespaceMode.POD,
};
/** Shows a line of the process's status (proc(5)). */
export const status = (name: string) => `grep ${name}: /proc/self/status | tr -d '\\t '`;
/** Shows whom the process runs as. */
export const ids = "id -u; id -g; id -G";
const guest = { runAsUser: { value: 1000n } };
const { Merge, Strict } = SupplementalGroupsPolicy;
export const { RuntimeDefault, Localhost } = ProfileType;
const { Unconfined } = ProfileType;
export const profile = (profileType: ProfileType, localhostRef = "") => ({ profileType, localhostRef });
/** Sets of capabilities by the numbers of capabilities(7). */
const caps = (...numbers: readonly number[]) =>
  numbers
    .reduce((set, number) => set | (1n << BigInt(number)), 0n)
    .toString(16)
    .padStart(16, "0");
const [NET_BIND_SERVICE, NET_RAW, SYS_TIME] = [10, 13, 25];

/** What the fields of the CRI do that concern a container's security, and some others. */
export const effects: readonly Effect[] = [
  {
    field: "capabilities: drop ALL, add some",
    security: { capabilities: { dropCapabilities: ["ALL"], addCapabilities: ["NET_RAW", "cap_sys_time"] } },
    script: `${status("CapEff")}; ${status("CapBnd")}; ${status("CapAmb")}`,
    writes: `CapEff:${caps(NET_RAW, SYS_TIME)}\nCapBnd:${caps(NET_RAW, SYS_TIME)}\nCapAmb:${caps()}\n`,
  },
  {
    field: "capabilities: add ALL, drop one",
    security: { capabilities: { addCapabilities: ["ALL"], dropCapabilities: ["NET_RAW"] } },
    script: `grep CapEff /proc/self/status | tr -d '\\t' | cut -d: -f2 | while read c; do echo $(( (0x$c >> 12) & 3 )); done`,
    writes: "1\n",
  },
  {
    field: "capabilities of a user that is not root are for its programs only",
    security: { ...guest, capabilities: { addCapabilities: ["NET_RAW"] } },
    script: status("CapEff"),
    writes: `CapEff:${caps()}\n`,
  },
  {
    field: "add_ambient_capabilities",
    security: {
      ...guest,
      capabilities: { dropCapabilities: ["ALL"], addAmbientCapabilities: ["NET_BIND_SERVICE"] },
    },
    script: `${status("CapEff")}; ${status("CapAmb")}; httpd -p 80 && echo bound`,
    writes: `CapEff:${caps(NET_BIND_SERVICE)}\nCapAmb:${caps(NET_BIND_SERVICE)}\nbound\n`,
  },
  { field: "run_as_user", security: guest, script: ids, writes: "1000\n1000\n1000 100 50000\n" },
  {
    field: "run_as_user that the image doesn't know",
    security: { runAsUser: { value: 4242n } },
    script: ids,
    writes: "4242\n0\n0\n",
  },
  {
    field: "run_as_group",
    security: { ...guest, runAsGroup: { value: 33n } },
    script: ids,
    writes: "1000\n33\n33 100 50000\n",
  },
  {
    field: "run_as_username",
    security: { runAsUsername: "www-data" },
    script: ids,
    writes: "33\n33\n33\n",
  },
  {
    field: "supplemental_groups, policy Merge",
    security: { ...guest, supplementalGroups: [777n], supplementalGroupsPolicy: Merge },
    script: ids,
    writes: "1000\n1000\n1000 100 777 50000\n",
  },
  {
    field: "supplemental_groups, policy Strict",
    security: { ...guest, supplementalGroups: [777n], supplementalGroupsPolicy: Strict },
    script: ids,
    writes: "1000\n1000\n1000 777\n",
  },
  {
    field: "readonly_rootfs",
    security: { readonlyRootfs: true },
    script: "touch /x 2>&1; touch /dev/shm/x && echo shm",
    writes: "touch: /x: Read-only file system\nshm\n",
  },
  { field: "readonly_rootfs, unset", script: "touch /x && echo written", writes: "written\n" },
  {
    field: "no_new_privs",
    security: { noNewPrivs: true },
    script: status("NoNewPrivs"),
    writes: "NoNewPrivs:1\n",
  },
  { field: "no_new_privs, unset", script: status("NoNewPrivs"), writes: "NoNewPrivs:0\n" },
  {
    field: "masked_paths and readonly_paths",
    security: { maskedPaths: ["/proc/version", "/etc"], readonlyPaths: ["/proc/sys", "/home"] },
    script: "wc -c </proc/version; ls /etc | wc -l; touch /home/x 2>&1; touch /root/x && echo other",
    writes: "0\n0\ntouch: /home/x: Read-only file system\nother\n",
  },
  {
    field: "masked_paths and readonly_paths, empty (procMount: Unmasked)",
    // On a node with AppArmor, its profile has a say, too.
    security: { apparmor: profile(Unconfined) },
    script:
      "wc -c </proc/version | grep -v '^0$' >/dev/null && echo seen; touch /proc/sys/kernel/domainname && echo open",
    writes: "seen\nopen\n",
  },
  {
    field: "seccomp RuntimeDefault",
    security: { seccomp: profile(RuntimeDefault) },
    script: status("Seccomp"),
    writes: "Seccomp:2\n",
  },
  {
    field: "seccomp Unconfined",
    security: { seccomp: profile(Unconfined) },
    script: status("Seccomp"),
    writes: "Seccomp:0\n",
  },
  {
    field: "seccomp_profile_path, the old field",
    security: { seccompProfilePath: "runtime/default" },
    script: status("Seccomp"),
    writes: "Seccomp:2\n",
  },
  {
    field: "apparmor Unconfined",
    security: { apparmor: profile(Unconfined) },
    script: "echo ran",
    writes: "ran\n",
  },
  {
    field: "command, args, working_dir, envs",
    config: {
      command: ["/bin/sh"],
      args: ["-c", "pwd; echo $ONE; echo $TWO"],
      workingDir: "/var/log",
      envs: [
        { key: "ONE", value: Buffer.from("1 und 1") },
        { key: "TWO", value: Buffer.from("zwei=2") },
      ],
    },
    script: "",
    writes: "/var/log\n1 und 1\nzwei=2\n",
  },
  {
    field: "oom_score_adj, as low as the daemon may",
    config: {
      linux: {
        resources: LinuxContainerResources.create({ oomScoreAdj: -997n }),
        securityContext: undefined,
      },
    },
    script: "cat /proc/self/oom_score_adj",
    writes: `${Math.max(-997, await lowestOomScoreAdj())}\n`,
  },
  {
    field: "devices",
    config: {
      devices: [{ containerPath: "/dev/read-only", hostPath: "/dev/loop-control", permissions: "r" }],
    },
    script: ": </dev/read-only && echo reads; (: >/dev/read-only) 2>&1; ls /dev | grep -c '^loop-control$'",
    writes: "reads\n/bin/sh: can't create /dev/read-only: Operation not permitted\n0\n",
  },
];

import { containerRuntimeSuite } from "../testing/suite.ts";

/** Another than Debian's, which takes no network of its own on kernels since 6.14: an absolute path. */
const other = process.env.BERTH_TEST_RUNSC;
const isDebians = other === undefined;
const [platform, network] = isDebians ? ["ptrace", "host"] : ["systrap", "none"];

containerRuntimeSuite({
  name: "runsc",
  config: { type: "oci", binary: other ?? "runsc", options: { platform, network } },
  runtime: "runsc",
  monitor: "conmon",
  differences: {
    "a program that is not there fails the create": "gVisor looks for it when it starts the container",
    "checkpoints of one container": "gVisor's are of the sandbox with all in it",
    "commands have the container's oom_score_adj": "in gVisor's kernel each process has its own, which is 0",
    "limits of one container": "the kernel's are the sandbox's, and gVisor sets none",
    ...(isDebians
      ? { "a process's status says that it gets no new privileges": "gVisor of 2022 shows none" }
      : {}),
    "mounts are made read-only with what is mounted on them":
      "gVisor's gofer serves a directory with all that is mounted in it as one",
    "processes without books are found": "they are in the sandbox, which runsc finds by its books alone",
    "statistics are in the container's cgroup": "its processes are the sandbox's",
  },
});

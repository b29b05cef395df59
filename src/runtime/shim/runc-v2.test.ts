import { containerRuntimeSuite } from "../testing/suite.ts";

/** Another than Debian's: an absolute path. */
const runtimePath = process.env.BERTH_TEST_SHIM ?? "";

containerRuntimeSuite({
  name: "runc-shim",
  config: { type: "io.containerd.runc.v2", runtimePath },
  runtime: "runc",
  monitor: "shim",
});

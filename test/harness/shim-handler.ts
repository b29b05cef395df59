/** A handler with runc under containerd's shim: Debian's, or the one that BERTH_TEST_SHIM names by an absolute path. */
export const shimHandler = "runc-shim";

export const shimHandlerConfig = `
[runtime.handlers.${shimHandler}]
type = "io.containerd.runc.v2"
runtimePath = "${process.env.BERTH_TEST_SHIM ?? ""}"
`;

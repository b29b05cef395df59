/**
 * A handler with runc under containerd's shim: Debian's, or the one that BERTH_TEST_SHIM names by an absolute path. With
 * BERTH_TEST_SHIM_SANDBOXER=shim, it makes its pods' sandboxes by itself.
 */
export const shimHandler = "runc-shim";

export const shimHandlerConfig = `
[runtime.handlers.${shimHandler}]
type = "io.containerd.runc.v2"
runtimePath = "${process.env.BERTH_TEST_SHIM ?? ""}"
sandboxer = "${process.env.BERTH_TEST_SHIM_SANDBOXER ?? "auto"}"
`;

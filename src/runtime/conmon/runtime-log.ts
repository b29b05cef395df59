/** Where the OCI runtime logs while it creates a container, or a stand-in has it start one. */
export function runtimeLog(bundle: string): string {
  return `${bundle}/runtime.log`;
}

/** How it is told so; what it leaves running for the container of a sandbox has it on its command line. */
export function runtimeLogFlag(bundle: string): string {
  return `--log=${runtimeLog(bundle)}`;
}

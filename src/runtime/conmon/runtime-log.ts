/** Where the OCI runtime logs while it creates a container, or a stand-in has it start one. */
export function runtimeLog(bundle: string): string {
  return `${bundle}/runtime.log`;
}

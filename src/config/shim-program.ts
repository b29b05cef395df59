import type { RuntimeHandlerConfig } from "./schema.ts";

/** The program of a shim by containerd's name for it: `containerd-shim-runc-v2` for "io.containerd.runc.v2"; undefined for what is no such name. */
export function shimProgram(type: string): string | undefined {
  const parts = /^(?:[A-Za-z0-9_-]+\.)+([A-Za-z0-9_-]+)\.(v[0-9]+)$/.exec(type);
  return parts === null ? undefined : `containerd-shim-${parts[1]}-${parts[2]}`;
}

/** The program that a handler stands or falls with: a name to be looked up, or an absolute path. */
export function handlerProgram({
  type,
  binary,
  runtimePath,
}: Pick<RuntimeHandlerConfig, "type" | "binary" | "runtimePath">): string {
  if (type === "oci") return binary;
  return runtimePath || (shimProgram(type) ?? type);
}

/** True for the shim that runs containers as processes of this host, by runc or a runtime that is called as runc is. */
export function isRuncShim(type: string): boolean {
  return /(?:^|\/)containerd-shim-runc-v2$/.test(shimProgram(type) ?? type);
}

/** True for Kata's shims, by whatever hypervisor they are named after ("io.containerd.kata-fc.v2"). */
export function isKataShim(type: string): boolean {
  return /(?:^|\/)containerd-shim-kata(?:-[a-z0-9-]+)?-v2$/.test(shimProgram(type) ?? type);
}

/** True for gVisor's. */
export function isRunscShim(type: string): boolean {
  return /(?:^|\/)containerd-shim-runsc-v1$/.test(shimProgram(type) ?? type);
}

/** What the `options` table of a handler with the runc shim may hold, under containerd's names. */
export const runcOptions = {
  NoPivotRoot: "boolean",
  NoNewKeyring: "boolean",
  ShimCgroup: "string",
  IoUid: "number",
  IoGid: "number",
  BinaryName: "string",
  Root: "string",
  SystemdCgroup: "boolean",
  CriuImagePath: "string",
  CriuWorkPath: "string",
} as const;

/** That of any other shim: what the configuration is, its file, or itself. */
export const genericOptions = { TypeUrl: "string", ConfigPath: "string", ConfigBody: "string" } as const;

import type { ShimOption } from "../../config/schema.ts";
import { isRuncShim, isRunscShim } from "../../config/shim-program.ts";
import { ociJson } from "../../spec/oci-json.ts";
import { GenericOptions, RuncOptions } from "../../wire/gen/shim-options.v1.ts";
import type { Any } from "../../wire/gen/task.v2.ts";

/** By which gVisor's shim knows that the file is `runsc.toml`: another it does not read. */
const runscTypeUrl = "io.containerd.runsc.v1.options";

type Options = Readonly<Record<string, ShimOption>>;

/**
 * A handler's `options` as its shim takes them, or undefined where there is nothing to be said. The config has checked their
 * names and types.
 */
export function encodeOptions(type: string, options: Options): Any | undefined {
  return isRuncShim(type) ? runcOptions(options) : genericOptions(type, options);
}

function runcOptions(options: Options): Any {
  const { flag, number, text } = readersOf(options);
  return any(
    "containerd.runc.v1.Options",
    RuncOptions.encode({
      noPivotRoot: flag("NoPivotRoot"),
      noNewKeyring: flag("NoNewKeyring"),
      shimCgroup: text("ShimCgroup"),
      ioUid: number("IoUid"),
      ioGid: number("IoGid"),
      binaryName: text("BinaryName"),
      root: text("Root"),
      systemdCgroup: flag("SystemdCgroup"),
      criuImagePath: text("CriuImagePath"),
      criuWorkPath: text("CriuWorkPath"),
    }).finish(),
  );
}

function genericOptions(type: string, options: Options): Any | undefined {
  if (Object.keys(options).length === 0) return undefined;
  const { text } = readersOf(options);
  return any(
    "runtimeoptions.v1.Options",
    GenericOptions.encode({
      typeUrl: text("TypeUrl") || (isRunscShim(type) ? runscTypeUrl : ""),
      configPath: text("ConfigPath"),
      configBody: Buffer.from(text("ConfigBody")),
    }).finish(),
  );
}

export function any(typeUrl: string, value: Uint8Array): Any {
  return { typeUrl, value };
}

/** What the OCI runtime spec has, as shims take it: JSON under the type's name. */
export function ociAny(type: "Process" | "LinuxResources", value: object): Any {
  return any(`types.containerd.io/opencontainers/runtime-spec/1/${type}`, Buffer.from(ociJson(value)));
}

function readersOf(options: Options) {
  return {
    flag: (key: string) => options[key] === true,
    number: (key: string) => Number(options[key] ?? 0),
    text: (key: string) => String(options[key] ?? ""),
  };
}

import { isAbsolute, posix } from "node:path";

/** As in `/srv/data:/data` or `/srv/data:/data:ro,nosuid`; undefined for what is none of these. */
export function parseMountText(
  text: string,
):
  | { readonly source: string; readonly destination: string; readonly options: readonly string[] }
  | undefined {
  const [source = "", destination = "", options, ...rest] = text.split(":");
  if (rest.length > 0 || text.includes("\0")) return undefined;
  if (!isAbsolute(source) || !isAbsolute(destination) || posix.normalize(destination) === "/")
    return undefined;
  const parts = options?.split(",") ?? [];
  if (!parts.every((part) => /^[a-z]+$/.test(part))) return undefined;
  return { source, destination: posix.resolve(destination), options: parts };
}

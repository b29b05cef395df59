import { isAbsolute } from "node:path";

/** As in `/dev/fuse`, `/dev/fuse:rw`, `/dev/sdc:/dev/xvdc:rwm`; undefined for what is none of these. */
export function parseDeviceText(
  text: string,
): { readonly hostPath: string; readonly containerPath: string; readonly permissions: string } | undefined {
  const [hostPath = "", second, third, ...rest] = text.split(":");
  const isPermissions = (part: string) => /^[rwm]{1,3}$/.test(part);
  const paths = second === undefined || isPermissions(second) ? [hostPath] : [hostPath, second];
  const permissions = (paths.length === 1 ? second : third) ?? "rwm";
  const isLong = rest.length > 0 || (paths.length === 1 && third !== undefined);
  if (isLong || !isPermissions(permissions)) return undefined;
  if (!paths.every((path) => isAbsolute(path) && !path.includes("\0"))) return undefined;
  return { hostPath, containerPath: paths[1] ?? hostPath, permissions };
}

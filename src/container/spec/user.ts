import { Fault } from "../../base/fault.ts";
import type { ContainerSecurity } from "../../spec/cri/container-config.ts";
import type { ContainerUser } from "../state.ts";
import { type GroupEntry, type PasswdEntry, parseId } from "./user-files.ts";

/** The users and groups that an image defines. */
export interface ImageUsers {
  readonly passwd: readonly PasswdEntry[];
  readonly groups: readonly GroupEntry[];
}

/** What the caller says of the user. */
export type UserRequest = Pick<
  ContainerSecurity,
  "runAsUser" | "runAsGroup" | "runAsUsername" | "supplementalGroups" | "supplementalGroupsPolicy"
>;

/** A user by name or id, and a group likewise, as `user:group` in an image's config. */
interface UserName {
  readonly user: string;
  /** Empty: the user's primary group. */
  readonly group: string;
  /** Where it was said, for messages. */
  readonly from: string;
}

/**
 * Who the container's process runs as: the config's user over the image's, root by default. A user id that the image
 * doesn't know has group 0. Supplemental groups always hold the primary one, so that giving it up is no way around a
 * mode that denies it; then those asked for and, unless the policy is strict, those that the image gives the user.
 *
 * @throws {Fault} invalid naming the user or group that the image doesn't know, or an id out of range
 */
export function containerUser(request: UserRequest, imageUser: string, users: ImageUsers): ContainerUser {
  const name = requestedUser(request) ?? splitUser(imageUser);
  const found = findUser(name, users.passwd);
  const gid = name.group === "" ? (found.gid ?? 0) : findGroup(name, users.groups);
  const ofImage =
    request.supplementalGroupsPolicy === "strict" || found.name === undefined
      ? []
      : users.groups.filter((group) => group.members.includes(found.name ?? "")).map((group) => group.gid);
  const asked = request.supplementalGroups.map((group) =>
    requireId(group, "config.linux.securityContext.supplementalGroups"),
  );
  return { uid: found.uid, gid, supplementalGroups: [...new Set([gid, ...asked, ...ofImage])] };
}

function requestedUser({ runAsUser, runAsGroup, runAsUsername }: UserRequest): UserName | undefined {
  const field = "config.linux.securityContext";
  const uid = runAsUser === undefined ? undefined : requireId(runAsUser, `${field}.runAsUser`);
  const gid = runAsGroup === undefined ? undefined : requireId(runAsGroup, `${field}.runAsGroup`);
  const user = runAsUsername === "" ? uid?.toString() : runAsUsername;
  if (user === undefined) {
    if (gid === undefined) return undefined;
    throw new Fault(
      "invalid",
      `${field}.runAsGroup is ${gid}, but neither runAsUser nor runAsUsername is set`,
    );
  }
  const from = runAsUsername === "" ? `${field}.runAsUser` : `${field}.runAsUsername`;
  return { user, group: gid?.toString() ?? "", from };
}

function splitUser(imageUser: string): UserName {
  const [user = "", group = "", ...rest] = imageUser.split(":");
  const from = "the image's user";
  if (rest.length > 0) throw new Fault("invalid", `${from} "${imageUser}" is not of the form user:group`);
  return { user: user === "" ? "0" : user, group, from };
}

interface FoundUser {
  readonly uid: number;
  readonly gid: number | undefined;
  readonly name: string | undefined;
}

function findUser({ user, from }: UserName, passwd: readonly PasswdEntry[]): FoundUser {
  if (/^-?[0-9]+$/.test(user)) {
    const uid = requireId(user, from);
    const entry = passwd.find((known) => known.uid === uid);
    return { uid, gid: entry?.gid, name: entry?.name };
  }
  const entry = passwd.find((known) => known.name === user);
  if (entry === undefined) {
    throw new Fault("invalid", `${from}: the image has no user "${user}" in its /etc/passwd`, {
      hint: "name the user by its number, or add it to the image",
    });
  }
  return entry;
}

function findGroup({ group, from }: UserName, groups: readonly GroupEntry[]): number {
  if (/^-?[0-9]+$/.test(group)) return requireId(group, `${from}, group`);
  const entry = groups.find((known) => known.name === group);
  if (entry === undefined) {
    throw new Fault("invalid", `${from}: the image has no group "${group}" in its /etc/group`, {
      hint: "name the group by its number, or add it to the image",
    });
  }
  return entry.gid;
}

function requireId(value: number | string, field: string): number {
  const id = parseId(String(value));
  if (id === undefined)
    throw new Fault("invalid", `${field}: ${value} is not a user or group id (0 to 2147483647)`);
  return id;
}

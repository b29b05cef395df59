/** A line of passwd(5). */
export interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** A line of group(5). */
export interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** The highest user or group id that the runtimes take: they hold it in 32 bits with a sign. */
export const maxId = 2 ** 31 - 1;

/** A user or group id in decimal; undefined when `text` is not one. */
export function parseId(text: string): number | undefined {
  if (!/^[0-9]{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= maxId ? id : undefined;
}

/** The entries of passwd(5), in order. Lines that are none (comments, NIS, damaged ones) are passed over. */
export function parsePasswd(text: string): PasswdEntry[] {
  return fieldsOf(text, 4).flatMap(([name = "", , uidText = "", gidText = ""]) => {
    const [uid, gid] = [parseId(uidText), parseId(gidText)];
    return uid === undefined || gid === undefined ? [] : [{ name, uid, gid }];
  });
}

/** The entries of group(5), in order. Lines that are none are passed over. */
export function parseGroup(text: string): GroupEntry[] {
  return fieldsOf(text, 3).flatMap(([name = "", , gidText = "", members = ""]) => {
    const gid = parseId(gidText);
    if (gid === undefined) return [];
    const names = members.split(",").map((member) => member.trim());
    return [{ name, gid, members: names.filter((member) => member !== "") }];
  });
}

function fieldsOf(text: string, atLeast: number): string[][] {
  return text
    .split("\n")
    .map((line) => line.trim().split(":"))
    .filter((fields) => fields.length >= atLeast && fields[0] !== "" && !/^[#+-]/.test(fields[0] ?? ""));
}

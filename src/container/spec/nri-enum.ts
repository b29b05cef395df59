import { Fault } from "../../base/fault.ts";

/** What a number of one of NRI's enumerations means. @throws {Fault} invalid, with the field, for one that is not in `names` */
export function nameIn<Name>(names: readonly Name[], value: number, field: string): Name {
  const name = names[value];
  if (name === undefined) throw new Fault("invalid", `NRI: ${field}: ${value} is not a value of this field`);
  return name;
}

/** A device by its full name (CDI spec, Kind and CDI Devices): `vendor.com/class=device`. */
export interface CdiName {
  /** `vendor.com/class` */
  readonly kind: string;
  readonly device: string;
}

const part = "[A-Za-z](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?";
const kindForm = new RegExp(`^${part}/${part}$`);
const deviceForm = /^[A-Za-z0-9](?:[A-Za-z0-9_.:-]*[A-Za-z0-9])?$/;

export function isCdiKind(text: string): boolean {
  return kindForm.test(text);
}

export function isCdiDevice(text: string): boolean {
  return deviceForm.test(text);
}

/** Undefined for what is no full name. */
export function parseCdiName(text: string): CdiName | undefined {
  const equals = text.indexOf("=");
  const [kind, device] = [text.slice(0, equals), text.slice(equals + 1)];
  return equals > 0 && isCdiKind(kind) && isCdiDevice(device) ? { kind, device } : undefined;
}

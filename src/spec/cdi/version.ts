import { Fault } from "../../base/fault.ts";
import type { CdiDocument } from "./format.ts";

/** Those that were released, the oldest first (CDI spec, Version). */
const versions = ["0.1.0", "0.2.0", "0.3.0", "0.4.0", "0.5.0", "0.6.0", "0.7.0", "0.8.0", "1.0.0", "1.1.0"];

type Edits = CdiDocument["containerEdits"];

/** What came when, the newest first: a file that uses it must say a version that has it. */
const additions: readonly { since: string; what: string; used(spec: CdiDocument): boolean }[] = [
  { since: "1.1.0", what: "netDevices", used: anyEdits(({ netDevices }) => netDevices.length > 0) },
  {
    since: "1.1.0",
    what: "schemata and enableMonitoring of intelRdt",
    used: anyEdits(({ intelRdt }) => intelRdt?.schemata !== undefined || intelRdt?.enableMonitoring === true),
  },
  { since: "0.7.0", what: "intelRdt", used: anyEdits(({ intelRdt }) => intelRdt !== undefined) },
  {
    since: "0.7.0",
    what: "additionalGids",
    used: anyEdits(({ additionalGids }) => additionalGids.length > 0),
  },
  {
    since: "0.6.0",
    what: "annotations",
    used: (spec) =>
      [spec, ...spec.devices].some(({ annotations }) => Object.keys(annotations ?? {}).length > 0),
  },
  { since: "0.6.0", what: "a dot in the class", used: ({ kind }) => /\/.*\./.test(kind) },
  {
    since: "0.5.0",
    what: "a device's name that begins with a digit",
    used: ({ devices }) => devices.some(({ name }) => /^[0-9]/.test(name)),
  },
  {
    since: "0.5.0",
    what: "hostPath of deviceNodes",
    used: anyEdits(({ deviceNodes }) => deviceNodes.some(({ hostPath }) => Boolean(hostPath))),
  },
  {
    since: "0.4.0",
    what: "type of mounts",
    used: anyEdits(({ mounts }) => mounts.some(({ type }) => Boolean(type))),
  },
];

function anyEdits(test: (edits: Edits) => boolean): (spec: CdiDocument) => boolean {
  return (spec) => [spec, ...spec.devices].some(({ containerEdits }) => test(containerEdits));
}

/** @throws {Fault} corrupt for a version that is not known, and for what is newer than the document's */
export function requireCdiVersion(spec: CdiDocument): void {
  const version = spec.cdiVersion.replace(/^v/, "");
  const said = versions.indexOf(version);
  if (said < 0) {
    const known = `the newest that is known is ${versions.at(-1)}`;
    throw new Fault("corrupt", `cdiVersion: there is no version "${spec.cdiVersion}"; ${known}`);
  }
  const newer = additions.find(({ since, used }) => versions.indexOf(since) > said && used(spec));
  if (newer === undefined) return;
  throw new Fault("corrupt", `cdiVersion is ${version}, but ${newer.what} came with ${newer.since}`);
}

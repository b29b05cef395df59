import { DocumentDirectories, type DocumentProblem } from "../document-directories.ts";
import type { CdiEdits, CdiSpec } from "./format.ts";
import { parseCdiSpec } from "./parse.ts";

/** A device that can be asked for. */
export interface CdiDevice {
  readonly file: string;
  readonly edits: CdiEdits;
  /** Of all devices of its file: made once, however many of these a container has. */
  readonly fileEdits: CdiEdits;
}

/** What the directories say now. */
export interface CdiState {
  /** By full name, `vendor.com/class=device`. */
  readonly devices: ReadonlyMap<string, CdiDevice>;
  readonly problems: readonly DocumentProblem[];
}

/** The CDI files of some directories, of which a later one is stronger: its device hides one of the same name. */
export class CdiDirectories {
  readonly directories: readonly string[];
  readonly #files: DocumentDirectories<CdiSpec>;

  constructor(directories: readonly string[]) {
    this.directories = directories;
    this.#files = new DocumentDirectories(directories, [".json", ".yaml"], parseCdiSpec);
  }

  /** Whatever is wrong is among the problems. */
  async read(): Promise<CdiState> {
    const { found, problems } = await this.#files.read();
    const devices = new Map<string, CdiDevice>();
    for (const files of found) {
      const own = new Map<string, CdiDevice[]>();
      for (const { path, document } of files) if (document !== undefined) addDevices(own, path, document);
      for (const [name, same] of own) settle(name, same, devices, problems);
    }
    return { devices, problems };
  }
}

function addDevices(own: Map<string, CdiDevice[]>, file: string, spec: CdiSpec): void {
  for (const { name, containerEdits } of spec.devices) {
    const full = `${spec.kind}=${name}`;
    const device = { file, edits: containerEdits, fileEdits: spec.containerEdits };
    own.set(full, [...(own.get(full) ?? []), device]);
  }
}

/** Of several in one directory none is used: nothing says which is meant (CDI: conflicting devices). */
function settle(
  name: string,
  found: readonly CdiDevice[],
  devices: Map<string, CdiDevice>,
  problems: DocumentProblem[],
): void {
  const [only, other] = found;
  if (only !== undefined && other === undefined) {
    devices.set(name, only);
    return;
  }
  devices.delete(name);
  for (const { file } of found) {
    const others = found.map((device) => device.file).filter((path) => path !== file);
    problems.push({ path: file, why: `${name} is not used: ${others.join(", ")} has it, too` });
  }
}

import { parse, TomlError, type TomlTable } from "smol-toml";
import * as v from "valibot";
import { Fault } from "../base/fault.ts";

const text = v.optional(v.string(), "");

/** The part of a hypervisor's table that says what it needs of the host; Kata ignores what it does not know. */
const hypervisor = v.object({
  path: text,
  kernel: text,
  image: text,
  initrd: text,
  firmware: text,
  jailer_path: text,
  shared_fs: text,
  virtio_fs_daemon: text,
  disable_vhost_net: v.optional(v.boolean(), false),
});

/** What one of Kata's configuration.toml says that its virtual machines are made with. Absent paths are empty. */
export interface KataConfiguration {
  /** The table's name: "qemu", "clh", "cloud-hypervisor", "firecracker", "dragonball", "stratovirt", "remote". */
  readonly hypervisor: string;
  readonly path: string;
  readonly kernel: string;
  /** The guest's root file system is one of these two. */
  readonly image: string;
  readonly initrd: string;
  readonly firmware: string;
  readonly jailer: string;
  /** "virtio-fs", "virtio-9p", "none", …; empty: as the hypervisor's default is. */
  readonly sharedFs: string;
  readonly virtioFsDaemon: string;
  readonly usesVhostNet: boolean;
}

/** A file of Kata's configuration, as it was read. */
export interface KataFile {
  readonly file: string;
  readonly text: string;
}

/**
 * Kata's configuration: its file, then what lies in `config.d` beside it, in order; what comes later lies over what came
 * before, key by key.
 *
 * @throws {Fault} invalid when a file is no TOML, or no hypervisor is named, or several are
 */
export function parseKataConfiguration(files: readonly KataFile[]): KataConfiguration {
  const tables = new Map<string, TomlTable>();
  for (const { file, text: content } of files) {
    for (const [name, table] of Object.entries(hypervisorsIn(file, content)))
      tables.set(name, { ...tables.get(name), ...table });
  }
  const [named, ...others] = tables;
  const main = files[0]?.file ?? "";
  if (named === undefined) throw new Fault("invalid", `${main} has no [hypervisor.…] table`);
  if (others.length > 0) {
    const names = [...tables.keys()].join(", ");
    throw new Fault("invalid", `${main} has several hypervisors (${names}), of which Kata takes any`);
  }
  return withOwnNames(main, ...named);
}

function withOwnNames(file: string, name: string, table: TomlTable): KataConfiguration {
  const checked = v.safeParse(hypervisor, table);
  if (!checked.success) {
    const [issue] = checked.issues;
    throw new Fault("invalid", `${file}: hypervisor.${name}.${v.getDotPath(issue)}: ${issue.message}`);
  }
  const { jailer_path, shared_fs, virtio_fs_daemon, disable_vhost_net, ...paths } = checked.output;
  return {
    hypervisor: name,
    ...paths,
    jailer: jailer_path,
    sharedFs: shared_fs,
    virtioFsDaemon: virtio_fs_daemon,
    usesVhostNet: !disable_vhost_net,
  };
}

const tablesOfHypervisors = v.object({
  hypervisor: v.optional(v.record(v.string(), v.record(v.string(), v.any())), {}),
});

function hypervisorsIn(file: string, content: string): Record<string, TomlTable> {
  try {
    // Kata's own files have numbers of 64 bits
    return v.parse(tablesOfHypervisors, parse(content, { integersAsBigInt: "asNeeded" })).hypervisor;
  } catch (error) {
    if (!(error instanceof TomlError))
      throw new Fault("invalid", `${file}: [hypervisor] is no table of tables`);
    // the message goes on with the text around it, on lines of their own
    const [what] = error.message.replace("Invalid TOML document: ", "").split("\n");
    throw new Fault("invalid", `${file}:${error.line}: it is no TOML: ${what}`);
  }
}

/** Debian's packages of the programs that berth starts, by the program's name. */
const packages: Readonly<Record<string, string>> = {
  apparmor_parser: "apparmor",
  conmon: "conmon",
  "containerd-shim-runc-v2": "containerd",
  criu: "criu",
  crun: "crun",
  dmsetup: "dmsetup",
  gpgv: "gpgv",
  iptables: "iptables",
  ip6tables: "iptables",
  "mkfs.ext4": "e2fsprogs",
  "mkfs.xfs": "xfsprogs",
  runc: "runc",
  runsc: "runsc",
  tar: "tar",
  zfs: "zfsutils-linux",
};

/** Undefined for a program that berth knows none of. @param program its name, without directories */
export function packageOf(program: string): string | undefined {
  return Object.hasOwn(packages, program) ? packages[program] : undefined;
}

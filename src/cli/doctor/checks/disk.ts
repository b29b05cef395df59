import { lstat, mkdir, mkdtemp, readFile, rm, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Bytes } from "../../../base/units.ts";
import type { Config } from "../../../config/schema.ts";
import type { MountEntry } from "../../../linux/contract.ts";
import { errnoOf } from "../../../linux/libc.ts";
import { hasGivenUp, isReadOnly, mountHolding, parseMountinfo } from "../../../linux/mountinfo.ts";
import { probeOverlay, tellsEntryTypes } from "../../../linux/overlay-probe.ts";
import { remedyFor } from "../../../linux/remedy.ts";
import { refusalOfWrites } from "../../../linux/write-trial.ts";
import { size } from "../../output/units.ts";
import type { DaemonView } from "../daemon-view.ts";
import { type Finding, note, ok, problem, warning } from "../finding.ts";
import type { NodeView } from "../node-view.ts";

/** Where the kubelet keeps containers' logs. */
const podLogs = "/var/log/pods";
/** The kubelet collects images when the disk is so full (imageGCHighThresholdPercent), and evicts pods a bit later. */
const littleSpace = 0.15;
const littleInodes = 0.05;
/** Too little to unpack a layer, or to write a record. */
const noSpace: Bytes = 64 * 2 ** 20;
const noSpaceShare = 0.01;
const noInodes = 1000;
const onNetwork = /^(nfs4?|cifs|smb3|9p|ceph|glusterfs|fuse\..*)$/;

/** One directory that berth writes to, and the nearest one above it that is there. */
interface Place {
  readonly name: string;
  readonly path: string;
  readonly existing: string;
}

/** Space and inodes of what berth writes to, and whether overlays work there. */
export async function checkDisk({ config, daemon, disksAnswer }: NodeView): Promise<Finding[]> {
  await disksAnswer();
  const mounts = parseMountinfo(await readFile("/proc/self/mountinfo"));
  const places = await Promise.all([
    placeOf("root", config.root),
    placeOf("state", config.state),
    placeOf("logs", podLogs),
  ]);
  const root = places[0];
  const disks = Map.groupBy(places, ({ existing }) => mountHolding(mounts, existing)?.target ?? "/");
  const spaces = await Promise.all([...disks].map(([mount, those]) => judgeSpace(mount, those)));
  const found = [
    ...spaces.flat(),
    ...judgeMounts(places, mounts, config),
    ...(await judgeOverlay(root, config)),
  ];
  return found.some(({ severity }) => severity === "problem") ? found : [...found, ...toldByDaemon(daemon)];
}

/** It also looks at where pods' logs really are, and has tried to write. */
function toldByDaemon(daemon: DaemonView): Finding[] {
  const said = daemon.kind === "berth" ? (daemon.status.status?.conditions ?? []) : [];
  return said
    .filter(
      ({ type, status, reason }) => !status && (type === "StorageReady" || reason === "DatabaseNotWritable"),
    )
    .map(({ message }) =>
      problem(`the daemon says: ${message}`, "changes can't be written or recorded", "see docs/faults.md"),
    );
}

async function placeOf(name: string, path: string): Promise<Place> {
  let existing = path;
  while (existing !== "/" && (await lstat(existing).catch(() => undefined)) === undefined)
    existing = dirname(existing);
  return { name, path, existing };
}

/** Of one file system, which several of the places may share. */
async function judgeSpace(mount: string, places: readonly Place[]): Promise<Finding[]> {
  const { bsize, blocks, bfree, bavail, files, ffree } = await statfs(places[0]?.existing ?? mount);
  const names = places.map(({ name, path }) => `${name} ${path}`).join(", ");
  return judgeFigures(names, mount, {
    free: bavail * bsize,
    // As df has it: what is kept for root counts neither as used nor as free.
    freeShare: blocks === 0 ? 1 : bavail / (blocks - bfree + bavail || 1),
    freeInodes: files === 0 ? undefined : ffree,
    freeInodeShare: files === 0 ? 1 : ffree / files,
  });
}

/** What a file system has left. */
export interface DiskFigures {
  readonly free: Bytes;
  readonly freeShare: number;
  /** Undefined where inodes are made as they are needed. */
  readonly freeInodes: number | undefined;
  readonly freeInodeShare: number;
}

/** @param names of the places on it, as in `root /var/lib/berth` */
export function judgeFigures(names: string, mount: string, figures: DiskFigures): Finding[] {
  const { free, freeShare, freeInodes, freeInodeShare } = figures;
  const found: Finding[] = [];
  const remedy = `find what takes it: du -xh --max-depth=2 ${mount} | sort -h; remove unused images (berth images, berth rmi)`;
  const left = `${size(free)} (${percent(freeShare)}) left`;
  if (free < noSpace || freeShare < noSpaceShare) {
    const why = `${left} on ${mount}: pulls, new containers and records fail with "no space left on device"`;
    found.push(problem(`${names}: the disk is full`, why, remedy));
  } else if (freeShare < littleSpace) {
    const why = `${left} on ${mount}: the kubelet removes images and evicts pods below 15 %`;
    found.push(warning(`${names}: the disk is nearly full`, why, remedy));
  }
  if (freeInodes !== undefined && (freeInodes < noInodes || freeInodeShare < noSpaceShare)) {
    const why = `${freeInodes} left on ${mount}: files can't be made though there is space`;
    found.push(
      problem(
        `${names}: no inodes are left`,
        why,
        `find ${mount} -xdev -type d -size +64k shows where many files lie; remove unused images`,
      ),
    );
  } else if (freeInodes !== undefined && freeInodeShare < littleInodes) {
    const why = `${freeInodes} (${percent(freeInodeShare)}) left on ${mount}: the kubelet evicts pods below 5 %`;
    found.push(warning(`${names}: inodes run out`, why, "remove unused images: berth images, berth rmi"));
  }
  return found.length === 0 ? [ok(`${names}: ${left}`)] : found;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}

function judgeMounts(places: readonly Place[], mounts: readonly MountEntry[], config: Config): Finding[] {
  return places.flatMap(({ name, path, existing }) => {
    const mount = mountHolding(mounts, existing);
    if (mount === undefined) return [];
    const { target, type, options } = mount;
    const set = new Set(options.split(","));
    const found: Finding[] = [];
    if (isReadOnly(mount) || refusalOfWrites(existing) === "EROFS") {
      const why = `${target} is read-only, as after an error of the disk: journalctl -k tells`;
      const anew = "fsck and another mount, as a rule by a reboot";
      found.push(
        problem(
          `${name} ${path} can't be written`,
          why,
          hasGivenUp(mount) || !isReadOnly(mount)
            ? `when the disk is well again: ${anew}`
            : `when the disk is well again: mount -o remount,rw ${target}; where the kernel refuses that, ${anew}`,
        ),
      );
    }
    if (onNetwork.test(type) && name !== "logs") {
      const why = "the database (SQLite in WAL mode) and overlays do not work on network file systems";
      found.push(
        problem(`${name} ${path} lies on ${type}`, why, `set ${name} to a directory on a disk of this node`),
      );
    }
    const hurting = ["noexec", "nodev"].filter((option) => set.has(option));
    // An overlay has mount options of its own; the copies of "native" are bind mounts, which inherit these.
    if (name === "root" && hurting.length > 0 && config.image.snapshotter === "native") {
      const why =
        "containers inherit that with the snapshotter native: their programs or devices do not work";
      found.push(
        problem(
          `${name} ${path} is mounted ${hurting.join(", ")}`,
          why,
          `mount -o remount,exec,dev ${target}`,
        ),
      );
    }
    return found;
  });
}

/** Puts an overlay together in a directory of its own below root, which is taken away again. */
async function judgeOverlay({ path, existing }: Place, { image }: Config): Promise<Finding[]> {
  if (image.snapshotter !== "overlay") return [];
  const other =
    'set root to a directory on ext4 or xfs (ftype=1), or image.snapshotter = "native", which copies';
  if (/[\\:,"]/.test(path)) {
    return [
      problem(`root ${path} can't be written in mount options`, 'it holds one of \\ : , "', "rename it"),
    ];
  }
  let scratch: string;
  try {
    scratch = await mkdtemp(join(existing, ".berth-doctor-"));
  } catch (error) {
    const why = `${existing}: ${errnoOf(error)}`;
    if (!["EIO", "EUCLEAN"].includes(errnoOf(error) ?? "")) return [note("overlays were not tried", why)];
    return [problem(`root ${path} can't be written`, why, remedyFor("EIO", existing) ?? "see journalctl -k")];
  }
  try {
    const [lower, upper, work] = ["lower", "upper", "work"].map((name) => join(scratch, name)) as [
      string,
      string,
      string,
    ];
    for (const directory of [lower, upper, work]) await mkdir(directory);
    if (!tellsEntryTypes(scratch)) {
      const why = "the file system does not tell the types of entries (d_type): removed files show up again";
      return [problem(`overlays do not work in ${path}`, why, other)];
    }
    probeOverlay({ lower, upper, work });
    return [ok(`overlays work in ${path}`)];
  } catch (error) {
    return [overlayFailure(path, error, other)];
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function overlayFailure(path: string, error: unknown, other: string): Finding {
  const { message, cause } = error as Error;
  const said = cause === undefined ? message : `${message} (${cause})`;
  switch (errnoOf(error)) {
    case "ENODEV":
      return problem("this kernel has no overlayfs", said, `modprobe overlay; else ${other}`);
    case "ENOSYS":
    case "EPERM":
      return note("overlays were not tried", said, "the daemon tries one at its start: see its log");
    default:
      return problem(`overlays do not work in ${path}`, said, other);
  }
}

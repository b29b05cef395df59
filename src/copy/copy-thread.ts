import { fstatSync, readFileSync, readSync, writeSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { Fault } from "../base/fault.ts";
import type { Bytes } from "../base/units.ts";
import { makeFilesAs } from "../linux/act-as.ts";
import { toFaultMessage } from "../linux/fault-message.ts";
import { errnoOf } from "../linux/libc.ts";
import { type OwnedFd, openDirectory } from "../linux/open-beneath.ts";
import { processIdentity } from "../linux/process-identity.ts";
import type { IdMapping } from "../spec/cri/security.ts";
import { TarReader } from "../wire/tar/read.ts";
import type { CopyRoot, CopyTask } from "./contract.ts";
import { type IdMaps, onNode } from "./ids.ts";
import { packTree } from "./pack.ts";
import { TreeWriter } from "./unpack.ts";

/** Runs on a thread of its own for each copy, which may wait for disk and client. */

const pieceBytes: Bytes = 256 << 10;
/** The kernel's one range of all ids (user_namespaces(7)). */
const allIds = 0xffff_ffff;

const { root, call, fd } = workerData as CopyTask;
try {
  using directory = openRoot(root);
  const ids = root.process === undefined ? shownIds(directory.fd, root.ids) : idsOf(root.process.pid);
  if (call.way === "from") {
    const options = { followLink: call.followLink, ids, skipped };
    for (const piece of packTree(directory.fd, call.path, options)) writeAll(piece);
  } else {
    const own = rootOf(ids);
    if (ids !== undefined) makeFilesAs(own.uid, own.gid);
    const owner = call.archive ? "archive" : own;
    const options = { owner, ids, extract: call.extract, followLinks: true, skipped } as const;
    using writer = new TreeWriter(directory.fd, call.path, options);
    readAll(new TarReader(writer));
    writer.finish();
  }
} catch (error) {
  parentPort?.postMessage({ fault: toFaultMessage(error) });
}

/** @throws {Fault} wrongState when the process whose root it is has ended */
function openRoot({ directory, process }: CopyRoot): OwnedFd {
  const gone = "the container has just ended";
  let open: OwnedFd;
  try {
    open = openDirectory(`${directory}/.`); // a process's root is a link
  } catch (error) {
    throw new Fault("wrongState", process === undefined ? "the container's files can't be reached" : gone, {
      cause: error,
    });
  }
  if (process === undefined || processIdentity(process.pid)?.startTicks === process.startTicks) return open;
  open[Symbol.dispose]();
  throw new Fault("wrongState", gone);
}

/** Those of the namespace, where the files are shown with them: they are not when the node was booted since. */
function shownIds(directory: number, ids: IdMaps | undefined): IdMaps | undefined {
  const { uid } = fstatSync(directory);
  const isShown = ids?.uids.some(({ hostId, length }) => uid >= hostId && uid < hostId + length) ?? false;
  return isShown ? ids : undefined;
}

function idsOf(pid: number): IdMaps | undefined {
  const [uids, gids] = [mapOf(pid, "uid_map"), mapOf(pid, "gid_map")];
  const [only] = uids;
  return uids.length === 1 && only?.length === allIds ? undefined : { uids, gids };
}

function mapOf(pid: number, name: "uid_map" | "gid_map"): IdMapping[] {
  const lines = readFileSync(`/proc/${pid}/${name}`, "latin1").trim().split("\n");
  return lines.map((line) => {
    const [containerId = 0, hostId = 0, length = 0] = line.trim().split(/\s+/).map(Number);
    return { containerId, hostId, length };
  });
}

/** The container's root, as the node numbers it. */
function rootOf(ids: IdMaps | undefined): { uid: number; gid: number } {
  return { uid: onNode(0, ids?.uids) ?? 0, gid: onNode(0, ids?.gids) ?? 0 };
}

function skipped(path: string, what: string): void {
  parentPort?.postMessage({ skipped: `${path} is ${what}: left out` });
}

function writeAll(piece: Uint8Array): void {
  try {
    for (let done = 0; done < piece.length; ) done += writeSync(fd, piece, done);
  } catch (error) {
    if (errnoOf(error) === "EPIPE") throw new Fault("cancelled", "who asked for the files is gone");
    throw error;
  }
}

function readAll(reader: TarReader): void {
  const piece = Buffer.allocUnsafeSlow(pieceBytes);
  for (let count = readSync(fd, piece); count > 0; count = readSync(fd, piece))
    reader.push(piece.subarray(0, count));
  reader.end();
}

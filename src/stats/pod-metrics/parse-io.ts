import type { FileText } from "../fields.ts";
import type { DeviceIo } from "../metrics-contract.ts";

/** Lines `254:0 Read 4096` (kernel: cgroup-v1/blkio-controller); the sums at the end have no device. */
function* blkioLines(text: FileText): Iterable<readonly [device: string, operation: string, value: number]> {
  for (const line of text?.split("\n") ?? []) {
    const [device = "", operation = "", value = ""] = line.split(" ");
    if (isDevice(device) && isCount(value)) yield [device, operation, Number(value)];
  }
}

function isDevice(word: string): boolean {
  return /^[0-9]+:[0-9]+$/.test(word);
}

function isCount(word: string): boolean {
  return /^[0-9]+$/.test(word);
}

/** Whether a v1 file counts for any device: of two that may, the kernel fills the one whose scheduler is at work. */
export function hasDevices(text: FileText): boolean {
  return text?.includes(":") ?? false;
}

/** The reads and writes of a v1 group, in bytes and in number. */
export function parseBlkioV1(serviceBytes: FileText, serviced: FileText): DeviceIo[] {
  const numbers = new Map<string, number>();
  for (const [device, operation, value] of blkioLines(serviced)) numbers.set(`${device} ${operation}`, value);
  const devices = Map.groupBy(blkioLines(serviceBytes), ([device]) => device);
  return Array.from(devices, ([number, lines]) => {
    const operations = lines.map(([, operation, value]) => [operation, value] as const);
    const bytes = new Map(operations);
    return {
      number,
      readBytes: bytes.get("Read") ?? 0,
      reads: numbers.get(`${number} Read`) ?? 0,
      writeBytes: bytes.get("Write") ?? 0,
      writes: numbers.get(`${number} Write`) ?? 0,
      operations,
    };
  });
}

/** Lines `254:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0` (kernel: cgroup-v2, io.stat). */
export function parseIoV2(ioStat: FileText): DeviceIo[] {
  const found: DeviceIo[] = [];
  for (const line of ioStat?.split("\n") ?? []) {
    const [number = "", ...pairs] = line.split(" ");
    if (!isDevice(number)) continue;
    const values = new Map<string, number>();
    for (const pair of pairs) {
      const [key = "", value = ""] = pair.split("=");
      if (isCount(value)) values.set(key, Number(value));
    }
    // a device that the group never used has its number alone
    if (values.size === 0) continue;
    const value = (key: string) => values.get(key) ?? 0;
    const operations = [
      ["Read", value("rbytes")],
      ["Write", value("wbytes")],
      ["Discard", value("dbytes")],
    ] as const;
    const [readBytes, writeBytes] = [value("rbytes"), value("wbytes")];
    found.push({ number, readBytes, reads: value("rios"), writeBytes, writes: value("wios"), operations });
  }
  return found;
}

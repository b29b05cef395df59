import { opendirSync } from "node:fs";
import { pathAt } from "./open-beneath.ts";

/** How many names are read at a time: a container's directory may hold more than fit into memory. */
const namesAtOnce = 256;

/** The names in an open directory, one character for each byte. Those that come or go meanwhile may be among them or not. */
export function* namesAt(directory: number): Generator<string> {
  const reading = opendirSync(pathAt(directory), { encoding: "latin1", bufferSize: namesAtOnce });
  try {
    for (let entry = reading.readSync(); entry !== null; entry = reading.readSync()) yield entry.name;
  } finally {
    reading.closeSync();
  }
}

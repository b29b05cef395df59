import { Fault } from "../../base/fault.ts";
import type { Processes } from "../contract.ts";
import { programPath } from "../program-path.ts";

const loadDeadlineMs = 60_000;
const maxOutput = 16 * 1024;

/** Where what turns a profile's text into what the kernel takes lies; undefined: it isn't installed. @param path as PATH */
export function findParser(path: string): Promise<string | undefined> {
  return programPath("apparmor_parser", path);
}

/**
 * Has the kernel take the profiles in a file, in the place of any of the same names: what runs under one goes on under
 * the new one.
 *
 * @throws {Fault} wrongState with what the parser says
 */
export async function loadProfiles(parser: string, file: string, processes: Processes): Promise<void> {
  const command = {
    path: parser,
    // Without the parser's cache, which goes by the file's time.
    args: ["--replace", "--skip-cache", file],
    env: {},
    maxOutput,
  };
  const { code, signal, stderr } = await processes.run(command, AbortSignal.timeout(loadDeadlineMs));
  if (code === 0) return;
  const said = new TextDecoder()
    .decode(stderr)
    .trim()
    .replaceAll(/\s*\n\s*/g, "; ");
  throw new Fault("wrongState", `${parser} ended with ${signal ?? code}: ${said}`);
}

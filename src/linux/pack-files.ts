import { Fault } from "../base/fault.ts";
import type { Processes } from "./contract.ts";

/** Files to be put into a tar. */
export interface PackRequest {
  readonly directory: string;
  /** A file that names them: paths from `directory` on, each with a NUL behind it. What a directory holds does not go with it. */
  readonly list: string;
  /** The tar: a new file. */
  readonly to: string;
  /** Where GNU tar is looked for. */
  readonly path: string;
}

/** What overlayfs notes for itself is no attribute of the files. */
const notOurs = ["trusted.overlay.*", "user.overlay.*"];

/**
 * Writes a tar with all that files have: owners by number, extended attributes, holes, hard links, device nodes. By GNU
 * tar, as one stream. Sockets are left out, as in every tar.
 *
 * @throws {Fault} notFound without GNU tar; internal with what it said; as the signal says
 */
export async function packFiles(
  { directory, list, to, path }: PackRequest,
  processes: Processes,
  signal: AbortSignal,
): Promise<void> {
  const attributes = ["--xattrs", "--xattrs-include=*", ...notOurs.map((name) => `--xattrs-exclude=${name}`)];
  const finished = await processes.run(
    {
      path: "tar",
      args: [
        ...["--create", "--format=posix", "--numeric-owner", "--sparse", ...attributes],
        ...[`--file=${to}`, "--force-local", `--directory=${directory}`],
        ...["--no-recursion", "--null", "--verbatim-files-from", `--files-from=${list}`],
      ],
      env: { PATH: path, LC_ALL: "C" },
      maxOutput: 4096,
    },
    signal,
  );
  if (finished.code === 0) return;
  const said = Buffer.from(finished.stderr).toString("utf8").trim().replaceAll("\n", "; ");
  throw new Fault("internal", `tar: ${said || `exit code ${finished.code ?? finished.signal}`}`);
}

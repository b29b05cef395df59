import type { WantedStreams } from "../../runtime/contract.ts";
import { wrongField } from "./field.ts";

/**
 * Which streams an Exec or Attach asks for.
 *
 * @throws {Fault} invalid when none is asked for; when stderr is, of a terminal, which has none (CRI: ExecRequest)
 */
export function wantedStreams({ tty, stdin, stdout, stderr }: WantedStreams): WantedStreams {
  if (tty && stderr) throw wrongField("stderr", "a terminal shows it on stdout: must be false with tty");
  if (!stdin && !stdout && !stderr)
    throw wrongField("stdout", "one of stdin, stdout and stderr must be true");
  return { tty, stdin, stdout, stderr };
}

import { Fault, faultKind } from "../base/fault.ts";

/**
 * Does the same to each of several arguments; one that fails does not keep the others from their turn.
 *
 * @throws {Fault} the only failure as it is, or one that tells them all
 */
export async function forEach(
  wanted: readonly string[],
  act: (wanted: string) => Promise<void>,
): Promise<void> {
  const failures: unknown[] = [];
  for (const each of wanted) await act(each).catch((error) => void failures.push(error));
  const [first] = failures;
  if (failures.length > 1) {
    throw new Fault(faultKind(first), `${failures.length} of ${wanted.length} failed; the first`, {
      cause: first,
    });
  }
  if (first !== undefined) throw first;
}

import { Fault } from "../../base/fault.ts";
import { type BaseSpec, parseBaseSpec } from "../../spec/base-spec.ts";
import { readBoundedFile } from "./bounded-file.ts";

const maxBase = 1024 * 1024;

/**
 * The OCI configuration that the handler's containers begin with; undefined: none. Read for each container.
 *
 * @throws {Fault} wrongState when the file can't be read or is malformed
 */
export async function findBase(path: string): Promise<BaseSpec | undefined> {
  if (path === "") return undefined;
  const name = `the handler's base specification ${path}`;
  try {
    return parseBaseSpec(await readBoundedFile(path, maxBase, name));
  } catch (cause) {
    throw new Fault("wrongState", `${name} can't be used`, {
      cause,
      hint: "the handler's setting baseSpec names it",
    });
  }
}

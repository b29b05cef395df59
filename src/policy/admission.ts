import { access } from "node:fs/promises";
import type { Config } from "../config/schema.ts";
import type { ImageAdmission } from "./contract.ts";
import type { AdmissionOptions } from "./parts.ts";
import { usualPolicyFile, usualVerifiersDirectory } from "./usual-places.ts";

/** The rules of the settings. A node that has none loads nothing of what reads them: that takes memory. */
export function openAdmission(options: AdmissionOptions): ImageAdmission {
  return {
    async rules(namespace) {
      if (!(await hasAny(options.settings))) return undefined;
      const { readRules } = await import("./rules.ts");
      return readRules(namespace, options);
    },
  };
}

async function hasAny({ file, namespaceDirectory, verifiers }: Config["policy"]): Promise<boolean> {
  if (file !== "" || verifiers.directory !== "") return true;
  const places = [usualPolicyFile, namespaceDirectory, usualVerifiersDirectory];
  const isThere = (place: string) =>
    access(place).then(
      () => true,
      // What can't be looked at is for who reads it to tell of.
      (error: NodeJS.ErrnoException) => error.code !== "ENOENT" && error.code !== "ENOTDIR",
    );
  return (await Promise.all(places.map(isThere))).includes(true);
}

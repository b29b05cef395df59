import { readFileSync } from "node:fs";

/** berth's version, from the package beside the sources. */
export const version: string = (
  JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string }
).version;

import manifest from "../../package.json" with { type: "json" };

/** berth's version. */
export const version: string = manifest.version;

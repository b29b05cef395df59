/** The layers: a folder imports only from rows below its own; siblings of a row know each other's contracts at most. */
const rows = [
  ["base"],
  ["spec", "config", "metrics"],
  ["wire", "linux"],
  ["content", "metadata", "registry", "events"],
  ["image", "snapshot", "network", "runtime", "stream", "stats"],
  ["pod", "container"],
  ["api"],
  ["daemon", "cli"],
];

/** Siblings meet through contracts, which are types, and whose implementations are passed in. */
const siblingContract = (row) => `^src/(${row.join("|")})/[a-z-]*contract\\.ts$`;

const layerRules = rows.flatMap((row, index) =>
  row.map((folder) => {
    const allowed = [folder, ...rows.slice(0, index).flat()];
    return {
      name: `layer-${folder}`,
      comment: `src/${folder} imports only from the rows below its own`,
      severity: "error",
      from: { path: `^src/${folder}/`, pathNot: "\\.test\\.ts$|/testing/" },
      to: { path: "^src/", pathNot: [`^src/(${allowed.join("|")})/`, siblingContract(row)] },
    };
  }),
);

module.exports = {
  forbidden: [
    ...layerRules,
    { name: "no-circular", severity: "error", from: {}, to: { circular: true } },
    {
      name: "cli-without-daemon",
      comment: "the command must work when the daemon does not",
      severity: "error",
      from: { path: "^src/cli/", pathNot: "\\.test\\.ts$" },
      to: { path: "^src/", pathNot: "^src/(cli|wire|linux|spec|config|base)/" },
    },
    {
      name: "tests-stay-outside",
      severity: "error",
      from: { path: "^src/", pathNot: "\\.test\\.ts$|/testing/" },
      to: { path: "\\.test\\.ts$|/testing/|^test/" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    // TypeScript 7 has no parser that dependency-cruiser can use.
    parser: "swc",
    tsConfig: { fileName: "tsconfig.json" },
  },
};

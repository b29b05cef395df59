/** True where tests may make mounts, namespaces and cgroups. */
export const isRoot = process.getuid?.() === 0;

/** For `describe` and `test`: everything here needs root, and a run without must not look like a success. */
export const privileged = isRoot ? {} : { skip: "NOT RUN: needs root. Run `sudo make test`." };

if (!isRoot) process.stderr.write("\n*** end-to-end tests are skipped: they need root ***\n\n");

/** The long forms of loops: `make test-full`. */
export const full = process.env.BERTH_TEST_FULL === "1";

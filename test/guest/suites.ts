/** Suites beside those of test/e2e that say more on a guest's kernel than on the machine around it, for `make test-guest`. */
export const alsoInGuests: readonly string[] = [
  "src/snapshot/devmapper/devmapper.test.ts",
  "src/snapshot/overlay/overlay.test.ts",
  "src/snapshot/zfs/zfs.test.ts",
];

/** The longest suites, minutes each: begun first, so that no guest waits for another's last one. */
export const longest: readonly string[] = [
  "test/e2e/kills.test.ts",
  "test/e2e/pod-life.test.ts",
  "src/snapshot/devmapper/devmapper.test.ts",
  "test/e2e/service.test.ts",
  "test/e2e/image-interop.test.ts",
];

/**
 * What `make test`, and with it CI, runs in guests: what only a guest can show. Together at most five minutes on two cores,
 * the guests' start included; `make test-guest-short` says what each takes.
 */
export const shortForm: readonly string[] = [
  "src/snapshot/devmapper/devmapper.test.ts",
  "test/e2e/apparmor.test.ts",
  "test/e2e/cgroup-systemd.test.ts",
  "test/e2e/cgroup-v2.test.ts",
  "test/e2e/clock-jumps.test.ts",
  "test/e2e/pod-life.test.ts",
];

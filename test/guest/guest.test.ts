import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import { isRoot } from "../harness/privileged.ts";
import { Guest, guestDefaults } from "./guest.ts";

const lacks = !isRoot
  ? "root"
  : ["mmdebstrap", "mke2fs"].find((program) => spawnSync(program, ["--version"]).error !== undefined);
const skip = lacks === undefined ? false : `NOT RUN: needs ${lacks}. Run \`make install-guest\` as root.`;
/** The image is the one that the suites in guests use. */
const small = { ...guestDefaults, init: "minimal", contents: "tests", memoryMiB: 512 } as const;

/** Runs a command line that ends. */
async function outcome(guest: Guest, commandLine: string) {
  let printed = "";
  const code = await guest.run(commandLine, (text) => {
    printed += text.toString();
  });
  return { code, printed };
}

describe("a guest", { skip, concurrency: true }, () => {
  test("runs commands in this tree, and has the disks that were asked for; a panic ends it with its console", async () => {
    await using guest = await Guest.start({ ...small, disks: [32 << 20, 64 << 20] });
    assert.deepEqual(await outcome(guest, "pwd; exit 7"), { code: 7, printed: "/berth\n" });
    const sizes = await outcome(
      guest,
      "cat /sys/block/vd[cd]/size /sys/block/ubd[cd]/size 2>/dev/null; true",
    );
    assert.deepEqual(sizes, { code: 0, printed: "65536\n131072\n" });
    assert.match((await outcome(guest, "bin/berth --version")).printed, /\d+\.\d+\.\d+/);
    await assert.rejects(outcome(guest, "echo c >/proc/sysrq-trigger"), {
      message: /machine ended.*last of its console:.*panic - not syncing: sysrq triggered crash/s,
    });
  });

  test("that hangs is given up with its console's last lines", async () => {
    await using guest = await Guest.start({ ...small, silenceMs: 20_000 });
    await assert.rejects(outcome(guest, "echo told >/dev/kmsg; echo before; exec sleep infinity"), {
      message: /nothing came from the guest for 20 s\. The last of its console:.*told/s,
    });
  });
});

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { profileText } from "./default-profile.ts";
import { parseLoadedProfiles } from "./kernel.ts";

/** What the parser makes of it: the policy that the kernel would get. @throws with what the parser says */
function compiled(text: string): Buffer {
  // As a kernel with all that AppArmor 3.0 mediates: what this one lacks would be left out.
  const kernel = ["--kernel-features", "/etc/apparmor.d/abi/3.0"];
  const args = ["--skip-kernel-load", "--skip-cache", "--stdout", ...kernel];
  return execFileSync("apparmor_parser", args, { input: text, stdio: ["pipe", "pipe", "pipe"] });
}

test("berth's profile is one that the parser takes, of AppArmor 3 and before", () => {
  for (const hasAbi of [true, false]) {
    const text = profileText({ hasAbi, daemonLabel: undefined });
    assert.ok(compiled(text).includes("berth-default\0"), text);
  }
});

test("a daemon that is confined itself may signal its containers, whatever its profile's name", () => {
  const unconfined = compiled(profileText({ hasAbi: true, daemonLabel: undefined }));
  for (const daemonLabel of ["berth", "/usr/bin/{node,berth} [new]", 'a "b" \\ @{c}*?', "one//&two"]) {
    const text = profileText({ hasAbi: true, daemonLabel });
    assert.notDeepEqual(compiled(text), unconfined, text);
  }
});

test("loaded profiles are read with their modes", () => {
  const text = "/usr/bin/man (enforce)\nman//filter (complain)\na (b) c (unconfined)\n";
  assert.deepEqual(
    [...parseLoadedProfiles(text)],
    [
      ["/usr/bin/man", "enforce"],
      ["man//filter", "complain"],
      ["a (b) c", "unconfined"],
    ],
  );
});

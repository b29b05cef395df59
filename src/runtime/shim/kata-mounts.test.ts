import assert from "node:assert/strict";
import { test } from "node:test";
import { isMountedInto } from "./kata-mounts.ts";

const shared = "/run/kata-containers/shared/sandboxes";
const told = (...targets: string[]) =>
  Buffer.from(
    targets.map((target, at) => `${at + 30} 29 0:${at} / ${target} rw - overlay overlay rw\n`).join(""),
  );

test("what is mounted where containers' files are shared from counts, of the sandbox itself alone", () => {
  const root = `${shared}/one/rw/passthrough/container/rootfs`;
  assert.equal(isMountedInto(told("/", root), "one"), true);
  assert.equal(isMountedInto(told("/", root), "other"), false);
});

test("the same directory as the machine sees it is unmounted by the shim", () => {
  assert.equal(isMountedInto(told("/", `${shared}/one/ro`), "one"), false);
});

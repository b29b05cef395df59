import assert from "node:assert/strict";
import { test } from "node:test";
import { describeFault, isFault } from "../../base/fault.ts";
import type { Apparmor } from "../../linux/contract.ts";
import { fakeApparmor } from "../../linux/testing/apparmor.ts";
import type { SecurityProfile } from "../../spec/cri/security.ts";
import { findApparmorProfile } from "./apparmor-lookup.ts";

const runtimeDefault: SecurityProfile = { kind: "runtimeDefault" };
const unconfined: SecurityProfile = { kind: "unconfined" };
const named = (ref: string): SecurityProfile => ({ kind: "localhost", ref });

const node = fakeApparmor(["web", "web-strict"]);
const without = fakeApparmor([], { obstacle: "this kernel has no AppArmor" });
const parserless = fakeApparmor(["web"], { hasParser: false });
const asTheOperatorSays = (profile: string) => fakeApparmor(["web"], { runtimeDefault: profile });

const gives: readonly (readonly [
  string,
  SecurityProfile | undefined,
  boolean,
  Apparmor,
  string | undefined,
])[] = [
  ["nothing asked", undefined, false, node, "berth-default"],
  ["the default", runtimeDefault, false, node, "berth-default"],
  ["unconfined", unconfined, false, node, undefined],
  ["a profile", named("web"), false, node, "web"],
  ["a profile by its old name", named("localhost/web"), false, node, "web"],
  ["berth's own by its name", named("berth-default"), false, node, "berth-default"],
  ["privileged, nothing asked", undefined, true, node, undefined],
  ["privileged, the default", runtimeDefault, true, node, undefined],
  ["privileged, a profile", named("web"), true, node, "web"],
  ["another default", undefined, false, asTheOperatorSays("web"), "web"],
  ["no default", runtimeDefault, false, asTheOperatorSays("unconfined"), undefined],
  ["a profile without a default", named("web"), false, asTheOperatorSays("unconfined"), "web"],
  ["no AppArmor, nothing asked", undefined, false, without, undefined],
  ["no AppArmor, unconfined", unconfined, false, without, undefined],
  ["no AppArmor, privileged", runtimeDefault, true, without, undefined],
  ["no parser, nothing asked", undefined, false, parserless, undefined],
  ["no parser, a loaded profile", named("web"), false, parserless, "web"],
];

for (const [what, wanted, privileged, apparmor, profile] of gives) {
  test(`AppArmor: ${what}`, async () => {
    assert.equal(await findApparmorProfile(wanted, privileged, apparmor), profile);
  });
}

const refuses: readonly (readonly [
  string,
  SecurityProfile | undefined,
  Apparmor,
  "invalid" | "wrongState",
  RegExp,
])[] = [
  [
    "one that isn't loaded",
    named("mine"),
    node,
    "invalid",
    /apparmor: profile "mine" is not loaded.*--replace/,
  ],
  ["a slip", named("web-strcit"), node, "invalid", /"web-strcit" is not loaded.*did you mean "web-strict"/],
  ["no AppArmor, a profile", named("web"), without, "invalid", /"web" is asked for, but this kernel has no/],
  [
    "no AppArmor, the default",
    runtimeDefault,
    without,
    "invalid",
    /default is asked for, but this kernel has no/,
  ],
  [
    "no parser, the default",
    runtimeDefault,
    parserless,
    "wrongState",
    /no apparmor_parser.*package apparmor/,
  ],
  [
    "a default that isn't loaded",
    undefined,
    asTheOperatorSays("gone"),
    "wrongState",
    /gone is not.*apparmor\.profile/,
  ],
];

for (const [what, wanted, apparmor, kind, message] of refuses) {
  test(`AppArmor, refused: ${what}`, async () => {
    await assert.rejects(
      findApparmorProfile(wanted, false, apparmor),
      (error) => isFault(error, kind) && message.test(describeFault(error)),
    );
  });
}

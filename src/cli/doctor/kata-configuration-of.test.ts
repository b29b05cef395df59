import assert from "node:assert/strict";
import { test } from "node:test";
import { kataConfiguration } from "./kata-configuration-of.ts";

const options = { ConfigPath: "/named.toml" };
const inGo = "/usr/share/defaults/kata-containers/configuration.toml";
const inRust = "/opt/kata/share/defaults/kata-containers/runtime-rs/configuration.toml";
const both = (path: string) => path === inGo || path === inRust;

test("the file that is named counts, or the first of the usual ones", () => {
  assert.equal(kataConfiguration("kata", { sandboxer: "auto", options }, both).file, "/named.toml");
  assert.equal(kataConfiguration("kata", { sandboxer: "auto", options: {} }, both).file, inGo);
  assert.equal(kataConfiguration("kata", { sandboxer: "auto", options: {} }, () => false).file, undefined);
});

test("a shim that makes the sandbox by itself is told of none before: what it finds counts", () => {
  const found = kataConfiguration("kata", { sandboxer: "shim", options }, both);
  assert.equal(found.file, inRust);
  assert.match(found.remedy, /into \/etc\/kata-containers\/runtime-rs/);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "../base/fault.ts";
import { digestOf } from "../spec/digest.ts";
import { type Descriptor, mediaTypes, type Platform } from "../spec/oci-image.ts";
import { hostPlatforms, selectManifest } from "./platform.ts";

const linux = (architecture: string, variant?: string): Platform => ({ os: "linux", architecture, variant });
const arm = [linux("arm64", "v8"), linux("arm", "v8"), linux("arm", "v7"), linux("arm", "v6")];
const amd = [linux("amd64", "v3"), linux("amd64", "v2"), linux("amd64", "v1"), linux("386")];

function entry(name: string, platform?: Platform, mediaType: string = mediaTypes.ociManifest): Descriptor {
  return { mediaType, digest: digestOf(name), size: 1, platform };
}

function chosen(platforms: readonly (Platform | undefined)[], wanted: readonly Platform[]): number {
  const entries = platforms.map((platform, index) => entry(`${index}`, platform));
  const { digest } = selectManifest(entries, wanted);
  return entries.findIndex((one) => one.digest === digest);
}

test("the best of what the host runs is chosen, wherever it stands", () => {
  assert.equal(chosen([linux("386"), linux("amd64")], amd), 1);
  assert.equal(chosen([linux("amd64"), linux("amd64", "v2"), linux("amd64", "v4")], amd), 1);
  assert.equal(chosen([linux("arm", "v6"), linux("arm"), linux("arm64")], arm), 2);
  assert.equal(chosen([linux("arm", "v6"), linux("arm")], arm), 1);
  assert.equal(chosen([linux("s390x"), undefined], amd), 1);
  assert.equal(chosen([linux("x86_64"), { os: "windows", architecture: "amd64" }], amd), 0);
});

test("no fit, and what is no image, is told", () => {
  const windows = { os: "windows", architecture: "amd64" };
  assert.throws(
    () => chosen([windows, linux("arm", "v7")], amd),
    (error) => isFault(error, "notFound") && /windows\/amd64, linux\/arm\/v7/.test(error.message),
  );
  assert.throws(
    () => selectManifest([entry("x", undefined, "application/vnd.cncf.chart")], amd),
    /only for nothing/,
  );
  assert.throws(() => selectManifest([], amd), /only for nothing/);
});

test("this host runs something", () => {
  assert.ok(hostPlatforms().length > 0);
});

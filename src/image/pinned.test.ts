import assert from "node:assert/strict";
import { test } from "node:test";
import { PinnedImages } from "./pinned.ts";

const names = (...tags: string[]) => ({ tags, digests: [`quay.io/kept/one@sha256:${"a".repeat(64)}`] });

test("a pattern is a whole name, a beginning, or a part of a name", () => {
  const isPinned = (pattern: string, ...tags: string[]) =>
    new PinnedImages([pattern]).has({ tags, digests: [] });
  assert.ok(isPinned("registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"));
  assert.ok(!isPinned("registry.k8s.io/pause:3.1", "registry.k8s.io/pause:3.10"));
  assert.ok(!isPinned("k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"));
  assert.ok(isPinned("busybox", "docker.io/library/busybox:latest"), "short names are as a pull takes them");
  assert.ok(isPinned("quay.io/kept/*", "docker.io/library/busybox:1", "quay.io/kept/two:1"));
  assert.ok(!isPinned("kept/*", "quay.io/kept/two:1"));
  assert.ok(isPinned("*PAUSE*", "registry.k8s.io/pause:3.10"));
  assert.ok(!isPinned("*pause*", "docker.io/library/busybox:1"));
});

test("a digest reference is a name, too, and the list can change", () => {
  const pinned = new PinnedImages(["quay.io/kept/one*"]);
  assert.ok(pinned.has(names()));
  pinned.set([]);
  assert.ok(!pinned.has(names()));
});

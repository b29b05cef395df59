import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "../../base/fault.ts";
import { directoriesOf, readMounts } from "./mounts.ts";

const mount = (type: string, source: string, options: string[], target = "") => ({
  type,
  source,
  target,
  options,
});

test("where a snapshot's files lie is read from its mounts", () => {
  assert.deepEqual(directoriesOf([mount("bind", "/s/1/fs", ["rw", "rbind"])]), {
    own: "/s/1/fs",
    lowers: [],
  });
  const writable = ["workdir=/s/3/work", "upperdir=/s/3/fs", "lowerdir=/s/2/fs:/s/1/fs"];
  assert.deepEqual(directoriesOf([mount("overlay", "overlay", writable)]), {
    own: "/s/3/fs",
    lowers: ["/s/2/fs", "/s/1/fs"],
  });
  assert.deepEqual(directoriesOf([mount("overlay", "overlay", ["ro", "lowerdir=/s/2/fs:/s/1/fs"])]), {
    own: "/s/2/fs",
    lowers: ["/s/1/fs"],
  });
  assert.equal(directoriesOf([mount("ext4", "/dev/mapper/snap-1", [])]), undefined);
  assert.equal(directoriesOf([]), undefined);
});

test("a writable overlay keeps whole files in its own directory, unless the snapshotter says otherwise", () => {
  const options = ["upperdir=/u", "workdir=/w", "lowerdir=/l", "redirect_dir=on"];
  assert.deepEqual(readMounts([mount("overlay", "overlay", options)])[0]?.options, [
    ...options,
    "index=off",
    "metacopy=off",
  ]);
  const read = ["lowerdir=/2:/1"];
  assert.deepEqual(readMounts([mount("overlay", "overlay", read)])[0]?.options, read);
});

test("what containerd alone can mount is refused", () => {
  for (const odd of [mount("format/overlay", "overlay", []), mount("erofs", "/x", [], "inner")])
    assert.throws(
      () => readMounts([odd]),
      (error) => isFault(error, "unimplemented") && error.message.includes(odd.type),
    );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { type OciLinux, type OciMount, oldestOciVersion } from "./oci-runtime.ts";

function version(linux: Partial<OciLinux>, mount: Partial<OciMount> = {}): string {
  return oldestOciVersion({
    process: { user: { uid: 0, gid: 0 }, args: ["a"], env: [], cwd: "/" },
    root: { path: "/" },
    mounts: [{ destination: "/a", ...mount }],
    linux: { namespaces: [], ...linux },
  });
}

test("the oldest version that has everything used", () => {
  assert.equal(version({}), "1.0.2");
  assert.equal(version({ seccomp: { defaultAction: "SCMP_ACT_LOG", flags: [] } }), "1.0.2");
  assert.equal(version({ seccomp: { defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 38 } }), "1.1.0");
  assert.equal(version({ seccomp: { defaultAction: "SCMP_ACT_KILL_PROCESS" } }), "1.1.0");
  const rule = { names: ["a"], action: "SCMP_ACT_ERRNO", errnoRet: 1 };
  assert.equal(version({ seccomp: { defaultAction: "SCMP_ACT_ALLOW", syscalls: [rule] } }), "1.1.0");
  assert.equal(version({ resources: { unified: {} } }), "1.1.0");
  assert.equal(version({ resources: { cpu: { idle: 1 } } }), "1.1.0");
  assert.equal(version({ namespaces: [{ type: "time" }] }), "1.1.0");
  assert.equal(version({}, { options: ["rbind", "rro"] }), "1.1.0");
  assert.equal(version({}, { uidMappings: [] }), "1.1.0");
  assert.equal(version({}, { options: ["idmap"] }), "1.2.0");
});

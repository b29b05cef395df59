import assert from "node:assert/strict";
import { test } from "node:test";
import { handlerSettings } from "./handler-settings.ts";
import { passedOver } from "./passed-over.ts";

test("a pod is told which annotations of CRI-O's have no effect, and why", () => {
  const why = (annotation: string, allowedAnnotations: string[] = []) => {
    const handlers = { runc: { ...handlerSettings({}, "runc"), allowedAnnotations } };
    return passedOver({ [annotation]: "x" }, "runc", { runtime: { handlers } }).map((told) => told.why);
  };
  const notAllowed = (name: string) => [`runtime.handlers.runc.allowedAnnotations does not have ${name}`];
  assert.deepEqual(why("devices.crio.io"), notAllowed("devices.crio.io"));
  assert.deepEqual(why("io.kubernetes.cri-o.Devices"), notAllowed("devices.crio.io"));
  assert.deepEqual(why("io.kubernetes.cri-o.Devices", ["devices.crio.io"]), []);
  assert.deepEqual(why("devices.crio.io", ["io.kubernetes.cri-o.Devices"]), []);
  assert.deepEqual(why("io.kubernetes.cri-o.UnifiedCgroup.web"), notAllowed("unified-cgroup.crio.io"));
  assert.deepEqual(why("unified-cgroup.crio.io/web", ["unified-cgroup.crio.io"]), []);
  assert.deepEqual(why("unified-cgroup.crio.io", ["unified-cgroup.crio.io"]), [
    "it names no container, as in unified-cgroup.crio.io/<container>",
  ]);
  assert.match(why("io.kubernetes.cri-o.userns-mode")[0] ?? "", /hostUsers: false/);
  assert.match(why("disable-fips.crio.io")[0] ?? "", /FIPS/);
  assert.deepEqual(why("new.crio.io/web"), ["berth has nothing by that name"]);
  for (const other of [
    "shm-size.crio.io",
    "io.kubernetes.cri-o.ShmSize",
    "example.com/crio.io",
    "crio.io.example.com",
    "app",
  ])
    assert.deepEqual(why(other), [], other);
});

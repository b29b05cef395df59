import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { after, before, beforeEach, describe, it } from "node:test";
import { isFault } from "../../base/fault.ts";
import type { ContainerConfig } from "../../spec/cri/container-config.ts";
import { exampleConfig, withSecurity } from "./testing/example.ts";
import { noOciRun } from "./testing/oci-run.ts";
import { type PodRun, startPodRun } from "./testing/pod-run.ts";

const having = (...cdiDevices: string[]): ContainerConfig => ({ ...exampleConfig, cdiDevices });

for (const runtime of ["runc", "crun"]) {
  describe(`containers run by ${runtime}: their CDI devices`, { skip: noOciRun(runtime) ?? false }, () => {
    let host: PodRun;

    before(async () => {
      host = await startPodRun(runtime);
      mkdirSync(host.at("cdi"));
      mkdirSync(host.at("library"));
      writeFileSync(host.at("library/text"), "from the driver\n");
    });
    after(() => host[Symbol.asyncDispose]());

    beforeEach(() => {
      const yaml = `
cdiVersion: 0.7.0
kind: vendor.com/zero
containerEdits:
  env: [ALL=of-the-file]
  mounts:
    - { hostPath: ${host.at("library")}, containerPath: /opt/driver, options: [ro, rbind] }
devices:
  - name: first
    containerEdits:
      env: [DEVICE=first, HOSTNAME=renamed]
      deviceNodes:
        - { path: /dev/vendor/zero, hostPath: /dev/zero, permissions: r }
      additionalGids: [44, 0]
      hooks:
        - hookName: createRuntime
          path: /bin/sh
          args: [sh, -c, 'echo "$WHO $(cat)" > ${host.at("hooked")}']
          env: [WHO=hook, "PATH=/usr/bin:/bin"]
  - name: second
    containerEdits:
      env: [DEVICE=second]
      deviceNodes:
        - { path: /dev/vendor/null, type: c, major: 1, minor: 3, fileMode: 0640, uid: 7, gid: 8 }
`;
      writeFileSync(host.at("cdi/zero.yaml"), yaml);
    });

    it("have variables, device nodes, mounts, groups and hooks", async () => {
      const script = [
        "env | grep -E '^(ALL|DEVICE|HOSTNAME)='",
        "head -c 4 /dev/vendor/zero | cat -v",
        "echo; cat /opt/driver/text",
        "touch /opt/driver/x 2>&1 | grep -o Read-only",
        "id -G",
      ];
      const expected =
        "HOSTNAME=renamed\nALL=of-the-file\nDEVICE=first\n^@^@^@^@\nfrom the driver\nRead-only\n0 44";
      rmSync(host.at("hooked"), { force: true });
      await host.says(script.join("; "), expected, having("vendor.com/zero=first"));
      const [who, ...state] = readFileSync(host.at("hooked"), "utf8").split(" ");
      assert.equal(who, "hook");
      assert.match(state.join(" "), /"pid": ?\d/);
    });

    it("add up, and belong to the process's user where nothing else is said", async () => {
      const script =
        "echo $DEVICE; stat -c '%a %u %g %t:%T' /dev/vendor/zero /dev/vendor/null; (echo x > /dev/vendor/null) 2>/dev/null";
      const config = { ...having("vendor.com/zero=first", "vendor.com/zero=second"), ...withUser() };
      await host.says(`${script} || echo refused`, "second\n666 1000 1000 1:5\n640 7 8 1:3\nrefused", config);
    });

    it("may be asked for by annotations, too, each once", async () => {
      const annotations = { "cdi.k8s.io/plugin_x": "vendor.com/zero=second,vendor.com/zero=first" };
      const built = await host.build({
        ...having("vendor.com/zero=first"),
        command: ["sh"],
        annotations,
      });
      assert.deepEqual(
        built.linux.devices?.map(({ path }) => path),
        ["/dev/vendor/zero", "/dev/vendor/null"],
      );
      assert.equal(built.hooks?.createRuntime?.length, 1);
      const rules = built.linux.resources?.devices?.slice(1).map(({ minor, access }) => [minor, access]);
      assert.deepEqual(rules, [
        [5, "r"],
        [3, "rwm"],
      ]);
    });

    it("fail the container when they are not there or not as their file says", async () => {
      const refused: [Partial<ContainerConfig>, "invalid" | "notFound", RegExp][] = [
        [having("vendor.com/zero=third"), "notFound", /vendor.com\/zero=third \(searched .*cdi\)/],
        [having("zero"), "invalid", /CDI_devices\[0\]: "zero" is not of the form/],
        [{ annotations: { "cdi.k8s.io/x": "nothing" } }, "invalid", /annotations\["cdi.k8s.io\/x"\]/],
      ];
      for (const [changes, kind, message] of refused) {
        await assert.rejects(host.build({ ...exampleConfig, command: ["sh"], ...changes }), (error) => {
          assert.ok(isFault(error, kind));
          assert.match(error.message, message);
          return true;
        });
      }
      const node = (fields: string) => `{"cdiVersion": "0.5.0", "kind": "vendor.com/bad",
        "devices": [{"name": "x", "containerEdits": {"deviceNodes": [{"path": "/dev/x", ${fields}}]}}]}`;
      const bad: [string, RegExp][] = [
        ['"hostPath": "/dev/nowhere"', /\/dev\/nowhere can't be looked up/],
        ['"hostPath": "/etc"', /\/etc is no device/],
        ['"hostPath": "/dev/null", "type": "b"', /\/dev\/null is of type c, not b/],
      ];
      for (const [fields, message] of bad) {
        writeFileSync(host.at("cdi/bad.json"), node(fields));
        const config = { ...having("vendor.com/bad=x"), command: ["sh"] };
        await assert.rejects(host.build(config), (error) => isFault(error) && message.test(error.message));
      }
      rmSync(host.at("cdi/bad.json"));
    });
  });
}

function withUser(): Pick<ContainerConfig, "security"> {
  return { security: withSecurity({ runAsUser: 1000, runAsGroup: 1000 }).security };
}

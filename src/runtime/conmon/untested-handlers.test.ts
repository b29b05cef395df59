import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { testHost } from "../testing/place.ts";
import { processesNaming } from "../testing/processes.ts";
import { type Handler, Handlers } from "./handlers.ts";
import { probeHandler } from "./probe.ts";
import type { TrialPlace } from "./trial.ts";
import { UntestedHandlers } from "./untested-handlers.ts";

const isRoot = process.getuid?.() === 0;
const parent = `/berth-test-${randomBytes(4).toString("hex")}`;
const version = "runc version 1.0";

/** Creates the container, and then does not come back as long as the node is busy. */
const script = (busy: string) => `#!/bin/sh
for word; do [ "$word" = create ] && creates=1; done
runc "$@" || exit
[ -z "$creates" ] || [ ! -e ${busy} ] || exec sleep 1000
`;

describe("a runtime whose trial takes too long", { skip: isRoot ? false : "NOT RUN: needs root" }, () => {
  let directory: string;
  let place: TrialPlace;
  let handler: Handler;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "berth-untested-"));
    const binary = join(directory, "runtime");
    await writeFile(binary, script(join(directory, "busy")), { mode: 0o755 });
    await writeFile(join(directory, "busy"), "");
    place = { host: await testHost(), scratch: directory, cgroup: { driver: "cgroupfs", parent } };
    const root = join(directory, "root");
    handler = {
      ...{ name: "slow", binary, path: binary, args: [`--root=${root}`], root },
      ...{ env: { PATH: process.env.PATH ?? "" }, kind: "runc", sandboxer: undefined },
    };
  });

  after(async () => {
    await place.host.cgroups.remove(parent, 2000);
    await rm(directory, { recursive: true });
  });

  test("leaves nothing, and is made again", async () => {
    const probe = await probeHandler(handler, version, place, 1500);
    assert.match(probe.problem ?? "", /took too long.*tried again/);
    assert.deepEqual(await readdir(handler.root), [], "its books");
    assert.deepEqual(await place.host.cgroups.below(parent), [parent], "cgroups");
    assert.deepEqual(await processesNaming(directory), []);

    const probed = [{ handler, probe }];
    const [handlers, untested] = [new Handlers(probed, "slow"), new UntestedHandlers(probed, place)];
    await rm(join(directory, "busy"));
    assert.equal(await untested.retry(handlers), true);
    assert.equal(handlers.probe("slow").problem, undefined);
    assert.equal(await untested.retry(handlers), false, "it is known now");
  });

  test("that fails is not made again", async () => {
    const broken = { ...handler, path: "/bin/false" };
    const probed = [{ handler: broken, probe: await probeHandler(broken, version, place) }];
    assert.match(probed[0]?.probe.problem ?? "", /exit code 1 \(install or choose/);
    assert.equal(await new UntestedHandlers(probed, place).retry(new Handlers(probed, "slow")), false);
  });
});

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { hookStages } from "../../src/base/hook.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { assertNoLeaks } from "../harness/leaks.ts";
import {
  eventually,
  exited,
  type MadePod,
  removePod,
  runContainer,
  runPod,
  shellConfig,
} from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";

const directory = mkdtempSync(join(tmpdir(), "berth-hooks-"));
const at = (...path: string[]) => join(directory, ...path);

const config = `
[hooks]
directories = ["${at("usual")}", "${at("own")}"]
always = [{ path = "${at("tell")}", args = ["tell", "always"], stages = ["createRuntime"] }]

[runtime.handlers.runc-shim]
type = "io.containerd.runc.v2"
hooks = [{ path = "${at("tell")}", args = ["tell", "shim"], timeout = "10s", stages = ["createRuntime"] }]
`;

/** Adds a line with the stage, and what the state on its input says, to the file that the variable names. */
const tell = `#!/bin/sh
read -r state
echo "$1 $(echo "$state" | grep -o '"status":"[a-z]*"')" >>${at("told")}
`;

const annotated = { "berth.test/hooked": "yes" };

function writeHook(file: string, hook: object, stages: readonly string[], when: object = {}): void {
  const condition = { annotations: { "^berth\\.test/hooked$": "^yes$" }, ...when };
  writeFileSync(file, JSON.stringify({ version: "1.0.0", hook, when: condition, stages }));
}

describe("hooks of files and settings", privileged, () => {
  let daemon: TestDaemon;

  before(async () => {
    for (const name of ["usual", "own", "seen"]) mkdirSync(at(name));
    writeFileSync(at("tell"), tell, { mode: 0o755 });
    writeFileSync(at("slowly"), tell.replace("read -r state", "read -r state; sleep 0.3"), { mode: 0o755 });
    daemon = await TestDaemon.start({ extraConfig: config });
    await importBusybox(daemon);
  });
  after(async () => {
    await endDaemon(daemon);
    rmSync(directory, { recursive: true });
  });

  beforeEach(() => {
    for (const name of ["usual", "own", "seen"]) rmSync(at(name), { recursive: true });
    for (const name of ["usual", "own", "seen"]) mkdirSync(at(name));
    writeFileSync(at("told"), "");
  });

  const runHooked = (name: string, handler: string, annotations = annotated) =>
    runPod(daemon, name, { annotations }, handler);
  const run = (pod: MadePod, script: string) =>
    runContainer(
      daemon,
      pod,
      shellConfig("one", busyboxImage, script, {
        mounts: [{ hostPath: at("seen"), containerPath: "/seen" }],
      }),
    );
  const told = () =>
    readFileSync(at("told"), "utf8")
      .split("\n")
      .map((line) => line.split(" ")[0] ?? "")
      .filter((word) => word !== "");

  for (const handler of ["crun", "runc", "runc-shim"]) {
    const ofSettings = handler === "runc-shim" ? ["always", "shim"] : ["always"];

    test(`with ${handler}, each is run at its stage, for containers that fit`, async () => {
      for (const stage of hookStages.filter((stage) => stage !== "startContainer"))
        writeHook(at("own", `${stage}.json`), { path: at("tell"), args: ["tell", stage] }, [stage]);
      // one that takes its time is waited for, all the same
      writeHook(at("own/poststop.json"), { path: at("slowly"), args: ["slowly", "poststop"] }, ["poststop"]);
      const inContainer = { path: "/bin/busybox", args: ["sh", "-c", "echo here >/seen/startContainer"] };
      writeHook(at("own", "start.json"), inContainer, ["startContainer"], { commands: ["/sh$"] });
      const pod = await runHooked(`stages-${handler}`, handler);
      await exited(daemon, await run(pod, "cat /seen/startContainer >/seen/read"));
      assert.equal(readFileSync(at("seen/read"), "utf8"), "here\n");
      await removePod(daemon, pod.id);
      const expected = [
        ...ofSettings,
        "prestart",
        "createRuntime",
        "createContainer",
        "poststart",
        "poststop",
      ];
      assert.deepEqual(told().toSorted(), expected.toSorted());

      writeFileSync(at("told"), "");
      const other = await runHooked(`others-${handler}`, handler, { "berth.test/hooked": "no" });
      await exited(daemon, await run(other, "true"));
      await removePod(daemon, other.id);
      assert.deepEqual(told(), ofSettings);
    });

    test(`with ${handler}, one that fails names itself, its stage and what it wrote`, async () => {
      writeFileSync(at("fail"), "#!/bin/sh\necho 'no such card' >&2\nexit 3\n", { mode: 0o755 });
      const pod = await runHooked(`fails-${handler}`, handler);
      for (const stage of ["prestart", "createContainer"]) {
        writeHook(at("usual/tell.json"), { path: at("tell"), args: ["tell", "first"] }, [stage]);
        writeHook(at("usual/the-fail.json"), { path: at("fail") }, [stage]);
        const named = `${at("fail")} \\(${stage}\\)`;
        // runc tells a hook's place in a list, and not of which: here the handler's hook has the same place.
        const expected =
          handler === "runc-shim" ? `one of these hooks failed: .*${named}` : `the hook ${named} failed`;
        await assert.rejects(run(pod, "true"), new RegExp(`${expected}.*no such card`, "s"));
      }
      rmSync(at("fail"));
      await assert.rejects(
        run(pod, "true"),
        new RegExp(`${at("usual/the-fail.json")}: hook.path: .*can't be run`),
      );
      rmSync(at("usual/the-fail.json"));
      await exited(daemon, await run(pod, "true"));
      await removePod(daemon, pod.id);
    });
  }

  test("a later directory's file hides one of the same name, and a bad one is told of and takes no other down", async () => {
    const hook = (word: string) => ({ path: at("tell"), args: ["tell", word] });
    writeHook(at("usual/a.json"), hook("hidden"), ["createRuntime"]);
    writeHook(at("own/a.json"), hook("a"), ["createRuntime"]);
    writeHook(at("usual/B.json"), hook("b"), ["createRuntime"]);
    writeHook(at("own/c.json"), { path: "relative" }, ["createRuntime"]);
    const pod = await runHooked("files", "crun");
    await exited(daemon, await run(pod, "true"));
    assert.deepEqual(told(), ["always", "a", "b"]);
    const { info } = await daemon.pods.status({ verbose: true });
    assert.deepEqual(JSON.parse(info.hooks ?? "").problems, [
      { path: at("own/c.json"), why: "hook.path: is not an absolute path" },
    ]);
    await eventually("the log to tell of it", 30_000, async () =>
      readFileSync(daemon.logFile, "utf8").includes("a hook file is not used") ? true : undefined,
    );
    await removePod(daemon, pod.id);
  });

  test("nothing of it is left", () => assertNoLeaks(daemon));
});

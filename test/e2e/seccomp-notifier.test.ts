import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { TestDaemon } from "../harness/daemon.ts";
import { underDefaultSeccomp } from "../harness/default-seccomp.ts";
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

const allowed = 'allowedAnnotations = ["seccomp-notifier-action.crio.io"]';
const config = `
[container]
seccompStopAfter = "2s"

[runtime.handlers.crun]
${allowed}

[runtime.handlers.runc]
${allowed}

[runtime.handlers.runc-shim]
type = "io.containerd.runc.v2"
${allowed}
`;

describe("system calls that a seccomp profile refuses", privileged, () => {
  let daemon: TestDaemon;

  before(async () => {
    daemon = await TestDaemon.start({ extraConfig: config });
    await importBusybox(daemon);
  });
  after(() => endDaemon(daemon));

  const runTold = (name: string, handler: string, action: string) =>
    runPod(daemon, name, { annotations: { "io.kubernetes.cri-o.seccompNotifierAction": action } }, handler);
  const run = (pod: MadePod, script: string) =>
    runContainer(daemon, pod, shellConfig("one", busyboxImage, script, underDefaultSeccomp));
  const told = (id: string, call: string) =>
    eventually(`the log to tell that ${call} was refused`, 30_000, async () =>
      readFileSync(daemon.logFile, "utf8")
        .split("\n")
        .find(
          (line) =>
            line.includes(`"container":"${id}"`) &&
            line.includes(`"call":"${call}"`) &&
            line.includes("refused"),
        ),
    );

  for (const handler of ["crun", "runc", "runc-shim"]) {
    test(`with ${handler}, they are told of, and the container goes on or is stopped as its pod wants`, async () => {
      const stopped = await runTold(`stop-${handler}`, handler, "stop");
      const ends = await run(
        stopped,
        "busybox hostname a; busybox hostname b; busybox swapoff /none; sleep 1000",
      );
      const logged = await runTold(`log-${handler}`, handler, "log");
      const goesOn = await run(logged, "busybox hostname other; sleep 1000");
      await told(goesOn, "sethostname");
      const { exitCode } = await daemon.pods.execSync({
        containerId: goesOn,
        cmd: ["busybox", "swapoff", "/none"],
        timeout: 20n,
      });
      assert.equal(exitCode, 1);
      await told(goesOn, "swapoff");
      await removePod(daemon, logged.id);

      const { exitCode: code, reason, message } = await exited(daemon, ends);
      assert.deepEqual([code, reason], [137, "SeccompKilled"]);
      assert.match(message, /refuses: sethostname \(2x\), swapoff/);
      await removePod(daemon, stopped.id);
    });
  }

  test("a daemon that is started anew is told again of what is run from then on; another action is refused", async () => {
    const pod = await runTold("again", "crun", "log");
    const id = await run(pod, "sleep 1000");
    await daemon.kill();
    await daemon.launch();
    await daemon.pods.execSync({ containerId: id, cmd: ["busybox", "swapoff", "/none"], timeout: 20n });
    await told(id, "swapoff");
    await removePod(daemon, pod.id);
    const wrong = await runTold("wrong", "crun", "warn");
    await assert.rejects(run(wrong, "true"), /seccompNotifierAction: "warn" is neither "log" nor "stop"/);
    await removePod(daemon, wrong.id);
  });

  test("nothing of it is left", () => assertNoLeaks(daemon));
});

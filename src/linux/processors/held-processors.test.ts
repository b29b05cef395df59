import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { isFault } from "../../base/fault.ts";
import { RecordingProcesses } from "../testing/recording-processes.ts";
import { HeldProcessors } from "./held-processors.ts";
import { Irqbalance } from "./irqbalance.ts";
import { formatMask, maskOf, parseMask } from "./masks.ts";

/** Plain files in the places of the kernel's, of a machine with four processors. */
class Machine {
  readonly directory: string;

  constructor(test: TestContext) {
    this.directory = mkdtempSync(join(tmpdir(), "berth-processors-"));
    test.after(() => rmSync(this.directory, { recursive: true }));
    this.write("proc/irq/default_smp_affinity", "f");
    this.write("proc/irq/24/smp_affinity", "f");
    this.write("proc/irq/25/smp_affinity", "4");
    this.write("proc/irq/26/smp_affinity", "1");
    for (const processor of [0, 1, 2, 3]) {
      this.write(`sys/devices/system/cpu/cpu${processor}/power/pm_qos_resume_latency_us`, "0");
      this.write(`sys/devices/system/cpu/cpu${processor}/cpufreq/scaling_governor`, "schedutil");
      this.write(
        `sys/devices/system/cpu/cpu${processor}/cpufreq/scaling_available_governors`,
        "performance schedutil\n",
      );
    }
    this.write("irqbalance", '# a comment\nIRQBALANCE_BANNED_CPUS="1"\nIRQBALANCE_ARGS=\n');
  }

  write(file: string, text: string): void {
    const path = join(this.directory, file);
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(path, text);
  }

  /** As a daemon would open it, or the next one. */
  held(): HeldProcessors {
    const tools = { processes: new RecordingProcesses(), path: "/bin" };
    const kernel = { proc: join(this.directory, "proc"), sys: join(this.directory, "sys") };
    const irqbalance = new Irqbalance(join(this.directory, "irqbalance"), tools);
    return new HeldProcessors(join(this.directory, "notes"), irqbalance, kernel);
  }

  get interrupts(): string[] {
    return ["default_smp_affinity", "24/smp_affinity", "25/smp_affinity", "26/smp_affinity"].map((file) =>
      readFileSync(join(this.directory, "proc/irq", file), "utf8"),
    );
  }

  get banned(): string {
    return /CPUS=(.*)/.exec(readFileSync(join(this.directory, "irqbalance"), "utf8"))?.[1] ?? "";
  }

  of(file: "power/pm_qos_resume_latency_us" | "cpufreq/scaling_governor"): string[] {
    return [0, 1, 2, 3].map((processor) =>
      readFileSync(join(this.directory, `sys/devices/system/cpu/cpu${processor}`, file), "utf8"),
    );
  }
}

describe("processors that containers have for themselves", () => {
  test("interrupts are kept away, by each holder from its own, and come back as its holder goes", async (t) => {
    const machine = new Machine(t);
    await machine.held().hold("a", { processors: "2-3", withoutInterrupts: "2-3" });
    assert.deepEqual(
      machine.interrupts,
      ["3", "3", "3", "1"],
      "what was on those alone goes where new ones go",
    );
    assert.equal(machine.banned, '"d"');
    await machine.held().hold("b", { processors: "1", withoutInterrupts: "1" });
    assert.deepEqual(machine.interrupts, ["1", "1", "1", "1"]);
    assert.equal(machine.banned, '"f"');
    await machine.held().release("a");
    assert.deepEqual(machine.interrupts, ["d", "d", "4", "1"]);
    assert.equal(machine.banned, '"3"');
    await machine.held().release("b");
    assert.deepEqual(machine.interrupts, ["f", "f", "4", "1"]);
    assert.equal(machine.banned, '"1"', "what the node's operator has banned stays so");
    await machine.held().release("b");
    assert.deepEqual(readdirSync(join(machine.directory, "notes")), []);
  });

  test("what two hold is brought back by the last of them", async (t) => {
    const machine = new Machine(t);
    const wishes = { processors: "1-2", resumeLatency: "n/a", governor: "performance" };
    await machine.held().hold("a", wishes);
    await machine.held().hold("b", { ...wishes, processors: "2" });
    assert.deepEqual(machine.of("power/pm_qos_resume_latency_us"), ["0", "n/a", "n/a", "0"]);
    await machine.held().release("a");
    assert.deepEqual(machine.of("power/pm_qos_resume_latency_us"), ["0", "0", "n/a", "0"]);
    const usual = "schedutil";
    assert.deepEqual(machine.of("cpufreq/scaling_governor"), [usual, usual, "performance", usual]);
    await machine.held().release("b");
    assert.deepEqual(machine.of("cpufreq/scaling_governor"), [usual, usual, usual, usual]);
    assert.deepEqual(machine.of("power/pm_qos_resume_latency_us"), ["0", "0", "0", "0"]);
  });

  test("a governor that there is not is refused before anything is changed; irqbalance may be missing", async (t) => {
    const machine = new Machine(t);
    rmSync(join(machine.directory, "irqbalance"));
    await assert.rejects(
      machine.held().hold("a", { processors: "1", withoutInterrupts: "1", governor: "powersave" }),
      (error) => isFault(error, "invalid") && /it has performance schedutil/.test(error.message),
    );
    assert.deepEqual(machine.interrupts, ["f", "f", "4", "1"]);
    await machine.held().hold("a", { processors: "1", withoutInterrupts: "1" });
    assert.deepEqual(machine.interrupts, ["d", "d", "4", "1"]);
    await machine.held().release("a");
    assert.deepEqual(machine.interrupts, ["f", "f", "4", "1"]);
  });
});

test("masks are read and written in groups of 32 bits", () => {
  assert.equal(formatMask(maskOf("0,33")), "2,00000001");
  assert.equal(parseMask("00000002,00000001\n"), maskOf("33,0"));
  assert.equal(formatMask(0n), "0");
});

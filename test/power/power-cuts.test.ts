import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { runProgram } from "../harness/command.ts";
import { full, privileged } from "../harness/privileged.ts";

const program = fileURLToPath(new URL("cuts.ts", import.meta.url));

/** @returns what it printed, and how many cuts left what they should not; see `cuts.ts` */
async function cutPower(
  t: TestContext,
  ...options: readonly string[]
): Promise<{ failed: number; text: string }> {
  const node = [process.execPath, "--disable-warning=ExperimentalWarning"];
  const { stdout, stderr } = await runProgram([...node, program, ...options]);
  const failed = /cuts, (\d+) of them left what they should not/.exec(stdout)?.[1];
  if (failed === undefined) throw new Error(`no cuts were made: ${stdout}${stderr}`);
  for (const line of stdout.trim().split("\n")) t.diagnostic(line);
  return { failed: Number(failed), text: stdout };
}

describe("power cuts in the middle of pulls, imports, removals, prunes and pods' starts", privileged, () => {
  test("the daemon starts by itself, and nothing is broken, lost or left", async (t) => {
    const short = ["--cuts", "3", "--seconds", "6"];
    const { failed, text } = await cutPower(t, ...(full ? ["--cuts", "20", "--seconds", "30"] : short));
    assert.equal(failed, 0, text);
  });

  test("were nothing synced, that would show", async (t) => {
    const { failed } = await cutPower(
      t,
      ...["--cuts", "2", "--at", "answers", "--seconds", "4", "--only-images", "--without-sync"],
    );
    assert.ok(failed > 0, "the checks find nothing: they show nothing");
  });
});

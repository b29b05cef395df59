import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { readHostFacts } from "./host.ts";

test("this host's facts agree with what the kernel says", async () => {
  const facts = await readHostFacts({ version: 1, directories: () => new Map() }, false);
  const last = Number(readFileSync("/proc/sys/kernel/cap_last_cap", "utf8"));
  assert.ok(facts.capabilities.length <= last + 1);
  assert.ok(facts.kernel.major >= 5);
  assert.equal(facts.swap, false);
  assert.equal(facts.hugepageSizes.size, 0);
  const openFiles = Number(readFileSync("/proc/sys/fs/nr_open", "utf8"));
  assert.ok((facts.rlimitMax.get("RLIMIT_NOFILE") ?? Number.NaN) <= openFiles);
  const ownScore = Number(readFileSync("/proc/self/oom_score_adj", "utf8"));
  assert.equal(facts.oomScoreAdjMin, facts.capabilities.includes("CAP_SYS_RESOURCE") ? -1000 : ownScore);
});

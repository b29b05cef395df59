import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "../../../base/fault.ts";
import type { ShimHandler } from "../handler.ts";
import type { Shim } from "../shim.ts";
import type { Shims } from "../shims.ts";
import { SandboxTrials } from "./trial.ts";

/** What comes of a shim that answers the question about its platform so. */
async function problemWith(answer: Fault | undefined): Promise<string | undefined> {
  const platform = async () => {
    if (answer !== undefined) throw answer;
  };
  const shims: Partial<Shims> = {
    tryOut: (_start, ask) => ask({ sandboxes: { platform } } as unknown as Shim),
  };
  const handler = { name: "vm", program: "/opt/shim" } as ShimHandler;
  const trials = new SandboxTrials([handler], shims as Shims);
  await trials.run(new AbortController().signal);
  return trials.problemOf("vm");
}

test("a shim without the sandbox API says so in Go's way or in Rust's; one with it may say anything else", async () => {
  const inGo = new Fault("unimplemented", "service containerd.runtime.sandbox.v1.Sandbox");
  const inRust = new Fault("invalid", "containerd.runtime.sandbox.v1.Sandbox service does not exist");
  for (const lacking of [inGo, inRust])
    assert.match((await problemWith(lacking)) ?? "", /\/opt\/shim has no sandbox API/);
  for (const having of [undefined, new Fault("internal", "runtime not ready"), new Fault("notFound", "who?")])
    assert.equal(await problemWith(having), undefined);
});

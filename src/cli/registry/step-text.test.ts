import assert from "node:assert/strict";
import { test } from "node:test";
import { RegistryOutcome, type RegistryStep } from "../../wire/gen/berth.v1.ts";
import { stepText } from "./step-text.ts";

const plain = { colours: false };
const step = (more: Partial<RegistryStep>): RegistryStep => ({
  name: "ping",
  host: "https://r.example/v2",
  outcome: RegistryOutcome.REGISTRY_OK,
  text: "",
  facts: {},
  tookNanos: 0n,
  hint: "",
  ...more,
});

test("steps stand below their host, with what to do, and without what a stranger could do to a terminal", () => {
  const hosts = step({ name: "hosts", host: "", text: "hosts.toml:\n1. https://r.example/v2" });
  assert.equal(
    stepText(hosts, undefined, plain),
    "hosts       ok       hosts.toml:\n                     1. https://r.example/v2\n",
  );
  const host = step({ name: "host", text: "https://r.example/v2: the registry" });
  assert.equal(stepText(host, hosts, plain), "\nhttps://r.example/v2: the registry\n");
  const failed = step({
    outcome: RegistryOutcome.REGISTRY_FAILED,
    text: "no\u001b[2J",
    tookNanos: 12_000_000n,
    hint: "start it",
  });
  assert.equal(
    stepText(failed, host, plain),
    "  ping        failed   no?[2J (12 ms)\n                       do: start it\n",
  );
  const result = step({ name: "result", host: "", text: "it can't be pulled" });
  assert.equal(stepText(result, failed, plain), "\nresult      ok       it can't be pulled\n");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "../base/fault.ts";
import { Container, PodSandbox } from "../wire/gen/runtime.v1.ts";
import { findObject, madeByRunLabel } from "./find.ts";

const id = (digit: string) => digit.repeat(64);
const pod = (digit: string, name: string, labels: Record<string, string> = {}) =>
  PodSandbox.create({
    id: id(digit),
    metadata: { name, uid: name, namespace: "default", attempt: 0 },
    labels,
  });
const container = (digit: string, name: string, podDigit: string) =>
  Container.create({ id: id(digit), podSandboxId: id(podDigit), metadata: { name, attempt: 0 } });

const objects = {
  pods: [pod("a", "web", { [madeByRunLabel]: "web" }), pod("b", "kube-pod")],
  containers: [container("c", "web", "a"), container("d", "app", "b"), container("e", "app", "f")],
};

const found = (wanted: string, whole: "pod" | "container") => {
  const object = findObject(objects, wanted, whole);
  return `${object.kind} ${object.id[0]}`;
};

test("what `berth run` made is one thing: its pod to stop and remove, its container to look into", () => {
  for (const wanted of ["web", "aaa", "ccc"]) {
    assert.equal(found(wanted, "pod"), "pod a", wanted);
    assert.equal(found(wanted, "container"), "container c", wanted);
  }
});

test("a kubelet's pods and containers stay apart", () => {
  for (const whole of ["pod", "container"] as const) {
    assert.equal(found("kube-pod", whole), "pod b");
    assert.equal(found("ddd", whole), "container d");
    assert.equal(found(id("d"), whole), "container d");
  }
});

test("what could be several is refused with all of them; what is not there is not found", () => {
  assert.throws(
    () => found("app", "pod"),
    (error) => isFault(error, "invalid") && /container d{13}, container e{13}/.test(error.message),
  );
  for (const wanted of ["", "nobody", "f"]) {
    assert.throws(
      () => found(wanted, "pod"),
      (error) => isFault(error, "notFound"),
      wanted,
    );
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { Container, Image } from "../wire/gen/runtime.v1.ts";
import { ImageNames, isMadeFrom } from "./image-names.ts";
import { asksForNewest, parsePattern, type Selection, select } from "./select.ts";

const container = (digit: string, name: string, createdAt: bigint, labels: Record<string, string> = {}) =>
  Container.create({
    id: digit.repeat(64),
    metadata: { name, attempt: 0 },
    createdAt,
    labels,
    podSandboxId: name,
  });

const items = [
  container("a", "web-1", 1n, { tier: "web", zone: "x" }),
  container("b", "web-2", 3n, { tier: "web" }),
  container("c", "db", 2n),
];

const selected = (selection: Selection) =>
  select(items, selection, ({ podSandboxId }) => (podSandboxId === "db" ? "data" : "default"))
    .map(({ id }) => id[0])
    .join("");

test("a selection leaves what fits all of it, newest first", () => {
  assert.equal(selected({}), "bca");
  assert.equal(selected({ name: /^web/ }), "ba");
  assert.equal(selected({ namespace: /data/ }), "c");
  assert.equal(selected({ id: "aa" }), "a");
  assert.equal(selected({ label: ["tier=web"] }), "ba");
  assert.equal(selected({ label: ["tier=web", "zone=x"] }), "a");
  assert.equal(selected({ label: ["tier=web,zone=x"] }), "a");
  assert.equal(selected({ latest: true }), "b");
  assert.equal(selected({ last: 2 }), "bc");
  assert.equal(selected({ last: 0 }), "bca");
  assert.equal(selected({ last: 1, name: /web-1/ }), "a");
});

test("whoever asks for the newest asks for any state", () => {
  assert.deepEqual([{}, { latest: true }, { last: 0 }].map(asksForNewest), [false, true, true]);
});

test("a pattern that is none is refused", () => {
  assert.throws(() => parsePattern("("), /no regular expression/);
});

test("images of containers: by name, whatever the runtime and the kubelet know them by", () => {
  const id = `sha256:${"1".repeat(64)}`;
  const image = Image.create({ id, repoTags: ["r.example/a:1"], repoDigests: ["r.example/a@sha256:2"] });
  const of = (name: string, imageRef = id) => Container.create({ image: { image: name }, imageRef });
  const known = new ImageNames([image]);
  assert.equal(known.nameOf(of("r.example/b:2")), "r.example/b:2");
  assert.equal(known.nameOf(of(id)), "r.example/a:1");
  assert.equal(known.nameOf(of("1".repeat(64))), "r.example/a:1");
  assert.equal(new ImageNames([]).nameOf(of(id)), "1".repeat(13));
  assert.equal(new ImageNames([]).nameOf(of(id), true), id);
  assert.ok(isMadeFrom(of("r.example/a:1"), "r.example/a:1", undefined));
  assert.ok(isMadeFrom(of("x"), "111", image));
  assert.ok(isMadeFrom(of("r.example/a:1", ""), "111", image));
  assert.ok(!isMadeFrom(of("x", "y"), "111", image));
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { Image } from "../../wire/gen/runtime.v1.ts";
import { historySteps } from "./history-steps.ts";
import { readImageInfo } from "./info.ts";
import { imageTree, type TreeImage } from "./tree.ts";
import { fineTree, plainTree, treeText } from "./tree-text.ts";

const digest = (digit: string) => `sha256:${digit.repeat(64)}`;

/** An image with a layer for each digit, which takes that many bytes. */
function image(name: string, digits: string, containers = 0): TreeImage {
  const layers = [...digits].map((digit) => ({
    diffId: digest(digit),
    blob: digest(digit),
    bytes: Number(digit) * 1000,
  }));
  const made = Image.create({ id: digest(digits.at(-1) ?? "0"), repoTags: name === "" ? [] : [name] });
  return { image: made, layers, containers: Array.from({ length: containers }, () => "c") };
}

test("images hang from what they share; the sum of what each line adds is what all take", () => {
  const tree = imageTree([
    image("web:2", "1245"),
    image("web:1", "1246", 2),
    image("base", "12"),
    image("other", "7"),
    // The same layer on top of others is another one.
    image("stacked", "72"),
  ]);
  assert.equal(
    treeText(tree, fineTree, true),
    `${[
      "IMAGE             ID             SIZE    OWN     LAYERS  CONTAINERS",
      "(shared by 3)                    3.00kB  3.00kB  2",
      "├─ base           2222222222222  3.00kB  0B      0",
      "└─ (shared by 2)                 7.00kB  4.00kB  1",
      "   ├─ web:1       6666666666666  13.0kB  6.00kB  1       2",
      "   └─ web:2       5555555555555  12.0kB  5.00kB  1",
      "(shared by 2)                    7.00kB  7.00kB  1",
      "├─ other          7777777777777  7.00kB  0B      0",
      "└─ stacked        2222222222222  9.00kB  2.00kB  1",
    ].join("\n")}\n\n5 images, 27.0kB together, 44.0kB if they shared nothing\n`,
  );
});

test("images without layers, names or sizes", () => {
  assert.match(treeText(imageTree([]), plainTree, true), /^IMAGE.*\n\n0 images, 0B together\n$/);
  const [one] = imageTree([image("", "")]);
  assert.deepEqual([one?.own, one?.image?.layers], [0, []]);
  const untold = {
    ...image("some", "1"),
    layers: [{ diffId: digest("1"), blob: undefined, bytes: undefined }],
  };
  const more = { ...image("more", "2"), layers: [...untold.layers, ...image("more", "2").layers] };
  assert.match(treeText(imageTree([untold, more]), plainTree, false), /^\|- more .*\n`- some /m);
});

test("two images of the same layers", () => {
  const text = treeText(imageTree([image("a", "12"), image("b", "12")]), fineTree, true);
  assert.match(text, /^\(shared by 2\) .* 3\.00kB {2}3\.00kB {2}2\n├─ a .* 0B .*\n└─ b .* 0B/m);
});

test("the steps of a history have the layers that they made", () => {
  const info = {
    imageSpec: {
      rootfs: { diff_ids: [digest("a"), digest("b"), digest("c")] },
      history: [
        { created_by: "ADD rootfs", created: "2024-01-01T00:00:00Z" },
        { created_by: "ENV A=b", empty_layer: true, comment: "buildkit" },
        { created_by: "COPY . ." },
      ],
    },
    layers: [{ blob: { digest: digest("1") } }],
    unpacked: { overlay: { usages: [{ bytes: 5 }] } },
  };
  const steps = historySteps(readImageInfo({ info: JSON.stringify(info) }));
  assert.deepEqual(steps, [
    { createdBy: "", comment: "", layer: digest("1"), bytes: 5 },
    { created: "2024-01-01T00:00:00Z", createdBy: "ADD rootfs", comment: "", layer: digest("b") },
    { createdBy: "ENV A=b", comment: "buildkit" },
    { createdBy: "COPY . .", comment: "", layer: digest("c") },
  ]);
  for (const odd of [
    "",
    "null",
    "[]",
    '{"imageSpec":{"history":7,"rootfs":{"diff_ids":[1]}},"layers":{},"unpacked":[]}',
  ])
    assert.ok(
      historySteps(readImageInfo({ info: odd })).every(({ createdBy }) => createdBy === ""),
      odd,
    );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { LayerState, type PullImageProgress } from "../../wire/gen/berth.v1.ts";
import { barStyle, transferBars } from "./bars.ts";
import { TransferLines } from "./lines.ts";
import { TransferProgress, type TransferView } from "./progress.ts";
import { pullWords, pushWords } from "./words.ts";

const { LAYER_WAITING, LAYER_FETCHING, LAYER_UNPACKING, LAYER_DONE, LAYER_PRESENT } = LayerState;

function layer(digit: string, state: LayerState, done: number, total: number): PullImageProgress {
  const value = {
    digest: `sha256:${digit.repeat(64)}`,
    state,
    doneBytes: BigInt(done),
    totalBytes: BigInt(total),
  };
  return { step: { $case: "layer", value } };
}

const screen = { colours: false, columns: 90, room: 20 };
const hashes = barStyle({ LANG: "C" });
const pullBars = (name: string, view: TransferView, on: typeof screen) =>
  transferBars(name, view, on, hashes, pullWords);

test("the whole is the sum of what had to come; a rate is that of the last three seconds", () => {
  const pull = new TransferProgress();
  assert.equal(pull.view(0).phase, "resolving");
  pull.take(layer("a", LAYER_PRESENT, 500, 500), 0);
  pull.take(layer("b", LAYER_WAITING, 0, 10_000_000), 0);
  for (let second = 1; second <= 8; second++) {
    pull.take(layer("b", LAYER_FETCHING, second * 1_000_000, 10_000_000), second * 1000);
  }
  const view = pull.view(8_000);
  assert.deepEqual([view.phase, view.done, view.total], ["layers", 8_000_000, 10_000_000]);
  assert.equal(view.rate, 1_000_000);
  assert.equal(view.layers[1]?.rate, 1_000_000);
  // Nothing came since.
  assert.equal(pull.view(12_000).rate, 500_000);
  pull.take({ step: { $case: "committing", value: {} } }, 9_000);
  assert.equal(pull.view(9_000).phase, "committing");
});

test("a bar for each layer and one for the whole, none wider than the terminal", () => {
  const pull = new TransferProgress();
  assert.deepEqual(pullBars("r.example/a:1", pull.view(0), screen), [
    "r.example/a:1",
    "  asking the registry",
  ]);
  pull.take(layer("a", LAYER_PRESENT, 500, 500), 0);
  pull.take(layer("b", LAYER_WAITING, 0, 4_000_000), 0);
  pull.take(layer("b", LAYER_FETCHING, 2_000_000, 4_000_000), 2000);
  pull.take(layer("c", LAYER_UNPACKING, 1_000, 1_000), 2000);
  const lines = pullBars("r.example/a:1", pull.view(2000), screen);
  assert.equal(lines.length, 5);
  assert.match(lines[1] ?? "", /^ {2}a{12} {2}#+ +500B +here already$/);
  assert.match(lines[2] ?? "", /^ {2}b{12} {2}#{12}\.{12} +2\.00MB\/4\.00MB +1\.00MB\/s {2}fetching$/);
  assert.match(lines[3] ?? "", /unpacking$/);
  assert.match(lines[4] ?? "", /^ {2}all .*2\.00MB\/4\.00MB .* 2 s left$/);
  for (const columns of [40, 50, 60, 68, 69, 70, 80, 200]) {
    const narrow = pullBars("r.example/a:1", pull.view(2000), { ...screen, columns });
    assert.ok(narrow.slice(1).every((line) => line.length < columns));
    assert.match(narrow[2] ?? "", /^ {2}b{12} .*fetching$/);
  }
});

test("where there is no room for all layers, those that move are shown", () => {
  const pull = new TransferProgress();
  for (const digit of "0123456789") pull.take(layer(digit, LAYER_DONE, 10, 10), 0);
  pull.take(layer("f", LAYER_FETCHING, 5, 10), 0);
  const lines = pullBars("r.example/a:1", pull.view(0), { ...screen, room: 6 });
  assert.equal(lines.length, 6);
  assert.match(lines[3] ?? "", /f{12}.*fetching/);
  assert.match(lines[4] ?? "", /and 8 more/);
});

test("bars are fine where the locale has UTF-8", () => {
  assert.equal(barStyle({ LANG: "C", LC_ALL: "de_DE.UTF-8" }).full, "━");
  assert.equal(barStyle({ LANG: "C.utf8" }).full, "━");
  assert.equal(barStyle({ LANG: "en_US.UTF-8", LC_ALL: "C" }).full, "#");
});

test("lines: each layer once, and every five seconds how far the whole is", () => {
  const pull = new TransferProgress();
  const log = new TransferLines(pullWords, 0);
  const told = (now: number) => log.lines(pull.view(now), now);
  assert.deepEqual(told(6_000), []);
  pull.take(layer("a", LAYER_PRESENT, 500, 500), 6_000);
  pull.take(layer("b", LAYER_WAITING, 0, 9_000_000), 6_000);
  pull.take(layer("c", LayerState.LAYER_PROVIDED, 700, 700), 6_000);
  assert.deepEqual(told(6_000), [
    "layer aaaaaaaaaaaa 500B here already",
    "layer cccccccccccc 700B fetched on demand",
  ]);
  pull.take(layer("b", LAYER_FETCHING, 3_000_000, 9_000_000), 9_000);
  assert.deepEqual(told(10_900), []);
  assert.match(told(11_000).join(), /^3\.00MB of 9\.00MB, \S+\/s$/);
  pull.take(layer("b", LAYER_DONE, 9_000_000, 9_000_000), 12_000);
  assert.deepEqual(told(12_000), ["layer bbbbbbbbbbbb 9.00MB done"]);
  assert.deepEqual(told(30_000).length, 1);
});

test("a push: what the registry had needs no bytes, and a rate is never below nothing", () => {
  const push = new TransferProgress();
  push.take(layer("a", LayerState.LAYER_MOUNTED, 700, 700), 0);
  push.take(layer("b", LAYER_PRESENT, 500, 500), 0);
  push.take(layer("c", LayerState.LAYER_PUSHING, 4_000_000, 8_000_000), 0);
  push.take(layer("c", LayerState.LAYER_PUSHING, 2_000_000, 8_000_000), 1000);
  assert.equal(push.view(1000).layers[2]?.rate, 0);
  push.take(layer("c", LayerState.LAYER_PUSHING, 6_000_000, 8_000_000), 2000);
  const lines = transferBars("r.example/a:1", push.view(2000), screen, hashes, pushWords);
  assert.match(lines[1] ?? "", /700B +mounted there$/);
  assert.match(lines[2] ?? "", /500B +there already$/);
  assert.match(lines[3] ?? "", /6\.00MB\/8\.00MB +1\.00MB\/s {2}pushing$/);
  assert.match(lines[4] ?? "", /all .*6\.00MB\/8\.00MB .* 1 s left$/);
  push.take({ step: { $case: "committing", value: {} } }, 3000);
  assert.match(transferBars("r", push.view(3000), screen, hashes, pushWords).at(-1) ?? "", /naming it$/);
  const log = new TransferLines(pushWords, 0).lines(push.view(3000), 3000);
  assert.deepEqual(log, ["layer aaaaaaaaaaaa 700B mounted there", "layer bbbbbbbbbbbb 500B there already"]);
});

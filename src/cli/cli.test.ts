import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { LogFile, parseLogLine } from "./log-lines.ts";
import { parseDuration, parseSize } from "./options.ts";
import { ago, shortId, size } from "./output/units.ts";
import { yaml } from "./output/yaml.ts";
import { parseEnv, parsePort, parseVolume } from "./run-flags.ts";

test("ports: as docker's --publish", () => {
  const shown = (text: string) => {
    const { hostIp, hostPort, containerPort, protocol } = parsePort(text);
    return [hostIp, hostPort, containerPort, protocol];
  };
  assert.deepEqual(shown("80"), ["", 0, 80, 0]);
  assert.deepEqual(shown("8080:80"), ["", 8080, 80, 0]);
  assert.deepEqual(shown("127.0.0.1:8080:80/udp"), ["127.0.0.1", 8080, 80, 1]);
  assert.deepEqual(shown("[::1]:53:53/sctp"), ["::1", 53, 53, 2]);
  for (const wrong of ["", "a", "80:", "70000:80", "80:0", "80/icmp", "nohost:1:2", "1:2:3:4"]) {
    assert.throws(() => parsePort(wrong), /is not/, wrong);
  }
});

test("volumes: host:container and options", () => {
  const { hostPath, containerPath, readonly, propagation } = parseVolume("/a:/b:ro,rslave");
  assert.deepEqual([hostPath, containerPath, readonly, propagation], ["/a", "/b", true, 1]);
  assert.equal(parseVolume("/a:/b").readonly, false);
  for (const wrong of ["", "/a", "/a:b", ":/b", "/a:/b:rx", "/a:/b:ro:x"])
    assert.throws(() => parseVolume(wrong), /is not/);
});

test("environment: values may hold anything", () => {
  assert.deepEqual(parseEnv("A=b=c"), { key: "A", value: Buffer.from("b=c") });
  assert.throws(() => parseEnv("=x"), /is not/);
});

test("sizes and durations", () => {
  assert.deepEqual(["64m", "1.5g", "10", "2KiB"].map(parseSize), [64 * 2 ** 20, 1.5 * 2 ** 30, 10, 2048]);
  assert.deepEqual(["500ms", "10", "2m", "1.5s"].map(parseDuration), [500, 10_000, 120_000, 1500]);
  assert.throws(() => parseSize("many"), /size/);
  assert.throws(() => parseDuration("-1s"), /duration/);
});

test("figures for people", () => {
  const now = new Date("2026-01-02T00:00:00Z");
  const at = BigInt(now.getTime()) * 1_000_000n;
  assert.deepEqual(
    [0n, at, at - 61_000_000_000n, at - 3_600_000_000_000n * 25n].map((time) => ago(time, now)),
    ["", "0 seconds ago", "1 minute ago", "1 day ago"],
  );
  assert.deepEqual([size(0), size(999), size(2_345_678n)], ["0B", "999B", "2.35MB"]);
  assert.equal(shortId(`sha256:${"ab".repeat(32)}`), "abababababab".concat("a"));
  assert.equal(shortId("not-hex"), "not-hex");
});

test("YAML: what could be read as something else is quoted", () => {
  const data = {
    a: "yes",
    list: [1, { b: "x: y", c: [] }],
    empty: {},
    text: "plain/path",
    none: null,
    nested: [[1]],
  };
  assert.equal(
    yaml(data),
    'a: "yes"\nlist:\n  - 1\n  - b: "x: y"\n    c: []\nempty: {}\ntext: plain/path\nnone: null\nnested:\n  - - 1\n',
  );
});

test("log lines: parts of lines have no line end; what is no entry is left out", () => {
  const at = "2026-01-01T00:00:00.000000001Z";
  assert.deepEqual(parseLogLine(`${at} stdout F a b `), { at, stream: "stdout", text: "a b \n" });
  assert.deepEqual(parseLogLine(`${at} stderr P part`), { at, stream: "stderr", text: "part" });
  assert.equal(parseLogLine("garbage"), undefined);
});

test("a log is read on through appends, cut lines and rotation", () => {
  const directory = mkdtempSync("/tmp/berth-cli-test-");
  const path = join(directory, "log");
  const entry = (text: string) => `2026-01-01T00:00:00Z stdout F ${text}\n`;
  try {
    using file = new LogFile(path);
    const read = () => [...file.read()].map(({ text }) => text.trim());
    assert.deepEqual(read(), []);
    writeFileSync(path, entry("one") + entry("two").slice(0, 10));
    assert.deepEqual(read(), ["one"]);
    appendFileSync(path, entry("two").slice(10));
    assert.deepEqual(read(), ["two"]);
    appendFileSync(path, entry("three"));
    renameSync(path, `${path}.1`);
    writeFileSync(path, entry("four"));
    assert.deepEqual(read(), ["three", "four"]);
    writeFileSync(path, entry("5"));
    assert.deepEqual(read(), ["5"]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

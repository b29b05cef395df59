import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Fault } from "../../base/fault.ts";
import * as cri from "../../wire/gen/runtime.v1.ts";
import { wholeContainerConfig, wholePodSandboxConfig } from "../testing/requests.ts";
import { decodeContainerConfig } from "./decode-container-config.ts";
import { decodePodSandboxConfig } from "./decode-pod-sandbox-config.ts";

const pod = (config: cri.PodSandboxConfig) => decodePodSandboxConfig(config, "config");
const container = (config: cri.ContainerConfig) => decodeContainerConfig(config, "config");

const texts = ["", "\0", "..", "/a/../b", "__proto__", "a=b", "x".repeat(300), "\ud800", "0-3", "%s\n"];
const bigints = [0n, -1n, 1n, (1n << 63n) - 1n, -(1n << 63n)];
const numbers = [0, -1, 1, 4, 65_536, 2 ** 31 - 1, 2 ** 32 - 1];

/** Changes one field, deep in a message, to another value of its type; the picks say which and to what. */
function spoil(message: object, which: number, what: number): void {
  const places: { in: Record<string, unknown>; key: string }[] = [];
  const walk = (at: object) => {
    for (const [key, value] of Object.entries(at)) {
      places.push({ in: at as Record<string, unknown>, key });
      if (typeof value === "object" && value !== null && !(value instanceof Uint8Array)) walk(value);
    }
  };
  walk(message);
  const place = places[which % places.length];
  if (place === undefined) return;
  const old = place.in[place.key];
  const pick = <T>(values: T[]) => values[what % values.length];
  if (typeof old === "string") place.in[place.key] = pick(texts);
  else if (typeof old === "bigint") place.in[place.key] = pick(bigints);
  else if (typeof old === "number") place.in[place.key] = pick(numbers);
  else if (typeof old === "boolean") place.in[place.key] = !old;
  else if (old instanceof Uint8Array) place.in[place.key] = new Uint8Array([what & 0xff]);
  else if (Array.isArray(old)) place.in[place.key] = what % 2 === 0 ? [] : [...old, ...old];
  else if (old !== undefined && !Array.isArray(place.in)) place.in[place.key] = undefined;
}

const spoiling = fc.array(fc.tuple(fc.nat(1000), fc.nat(255)), { maxLength: 6 });

/** Whatever is asked, the answer is a config or a Fault that names a field. */
function neverThrowsAnythingElse<T extends object>(
  make: () => T,
  codec: { encode(value: T): { finish(): Uint8Array }; decode(bytes: Uint8Array): T },
  decode: (config: T) => unknown,
): void {
  fc.assert(
    fc.property(spoiling, (picks) => {
      const message = make();
      for (const [which, what] of picks) spoil(message, which, what);
      try {
        // What was spoilt beyond what the wire can carry is not a request.
        const sent = attempt(() => codec.decode(codec.encode(message).finish()));
        if (sent !== undefined) decode(sent);
      } catch (error) {
        assert.ok(error instanceof Fault && error.kind === "invalid", String(error));
        assert.match(error.message, /^config[.:]/);
      }
    }),
    { numRuns: 400 },
  );
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

test("no pod sandbox config makes the decoder throw anything but an invalid Fault", () =>
  neverThrowsAnythingElse(wholePodSandboxConfig, cri.PodSandboxConfig, pod));

test("no container config makes the decoder throw anything but an invalid Fault", () =>
  neverThrowsAnythingElse(wholeContainerConfig, cri.ContainerConfig, container));

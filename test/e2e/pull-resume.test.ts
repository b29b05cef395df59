import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type ImageServer, startImageServer } from "../../src/image/testing/image-server.ts";
import { serveRanges, untilPieces } from "../../src/image/testing/range-server.ts";
import { makeImage, randomLayer } from "../../src/registry/testing/made-image.ts";
import { ImageSpec } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { privileged } from "../harness/privileged.ts";

const mebibyte = 1_048_576;

describe("a daemon that is killed in the middle of a layer", privileged, () => {
  let daemon: TestDaemon;
  let server: ImageServer;

  before(async () => {
    server = await startImageServer();
    daemon = await TestDaemon.start({ runtime: "crun" });
  });

  after(async () => {
    await endDaemon(daemon);
    await server?.[Symbol.asyncDispose]();
  });

  test("the next pull asks for what was not whole, and for nothing else", async () => {
    const made = makeImage([randomLayer("large", 12 * mebibyte, 3)]);
    const [layer] = made.layers;
    assert.ok(layer);
    server.add("app", "1", made);
    let limit = 6.5 * mebibyte;
    const sendings = serveRanges(server, layer, ({ from, sent }) => from + sent < limit);
    const image = ImageSpec.create({ image: `${server.host}/app:1` });
    const pull = () => daemon.images.pullImage({ image });
    const cut = pull().catch(() => undefined);
    await untilPieces(daemon.workspace.root, layer, 6);
    await daemon.kill();
    await cut;
    sendings.length = 0;
    limit = layer.size;
    await daemon.launch();
    assert.equal((await pull()).imageRef, made.id);
    assert.deepEqual(
      sendings.map(({ from, to }) => [from, to]),
      [[6 * mebibyte, layer.size]],
    );
    await daemon.images.removeImage({ image });
  });
});

/**
 * The guest's side of `../guest-cuts.ts`, which gives it JSON: `load '{"seconds": 60, "seed": 1, …}'` keeps the node busy whose disk
 * is recorded, `check '{"promised": […], "empty": […]}'` looks what a cut left of it. The last line that it prints is JSON, too.
 */
import { mkdtempSync } from "node:fs";
import { succeeded } from "../../harness/installed-node.ts";
import { TestRegistry } from "../../harness/registry.ts";
import { checkAfterCut, type Found } from "../check.ts";
import { Load, makeLoadImages } from "../load.ts";
import { Random } from "../random.ts";
import { withoutSync } from "../without-sync.ts";
import { GuestNode } from "./node.ts";
import type { CheckOrder, Loaded, LoadOrder } from "./orders.ts";

/** The same in every boot, as on a node. */
const registryPort = 5443;

const [what, order = ""] = process.argv.slice(2);
const directory = mkdtempSync("/tmp/berth-power-");
const node = new GuestNode();
const [registry] = await Promise.all([TestRegistry.start(registryPort), node.installed.started()]);
registry.trustIn(node.daemon.workspace.certsDir);
const images = await makeLoadImages(registry, directory);
try {
  const result = what === "load" ? await load(JSON.parse(order)) : await check(JSON.parse(order));
  console.log(JSON.stringify(result));
} catch (error) {
  console.log(node.daemon.logTail());
  throw error;
}
process.exit(0); // the guest ends as it is

async function load({ seconds, seed, withPods, lying }: LoadOrder): Promise<Loaded> {
  if (lying) await node.installed.restartAs(withoutSync(directory));
  const { names: empty, warnings: usual } = node;
  let marks = 0;
  const load = new Load(node.daemon, images, {
    random: new Random(seed),
    withPods,
    mark: async () => {
      const mark = ++marks;
      await succeeded("dmsetup", "message", "recorded", "0", "mark", String(mark));
      return mark;
    },
  });
  await load.run(seconds * 1000);
  // What was written since the last flush comes into the log with the next one.
  await succeeded("sync");
  return { asked: load.asked, empty, usual };
}

function check({ promised, empty }: CheckOrder): Promise<Found> {
  return checkAfterCut(node, images, promised, empty);
}

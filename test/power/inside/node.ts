import { InstalledNode } from "../../harness/installed-node.ts";
import type { BootedNode } from "../check.ts";
import { namesBelow } from "../node.ts";

/** Of a warning and worse. */
const priorities = ["0", "1", "2", "3", "4"];

/** The node that a guest became by `boot`, whose settings are in `etc`. */
export class GuestNode implements BootedNode {
  readonly installed = new InstalledNode({
    cgroupDriver: "systemd",
    cgroupParent: "/berth.slice",
    bridge: "pods0",
    networkName: "node",
    subnet: "10.88.0",
  });
  readonly daemon = this.installed.daemon;

  get names(): readonly string[] {
    return namesBelow(this.daemon.workspace.root);
  }

  get warnings(): readonly string[] {
    const wanted = priorities.map((priority) => `PRIORITY=${priority}`);
    return this.installed
      .journal("--output=json", "--all", ...wanted)
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line).MESSAGE.split("  ")[0]); // what follows are fields
  }
}

import { existsSync, readFileSync } from "node:fs";
import { Fault } from "../base/fault.ts";
import type { FaultPort } from "../base/steps.ts";

/**
 * Where the tests make the daemon die or fail: `BERTH_FAULT=<point>:<kill|fail>[,…]`, a point being
 * `<operation>/<step>/<before|after|undo|undone>`. `BERTH_FAULT=@<path>` reads that from a file at each point, so that
 * tests can change it while the daemon runs. Without that variable, nothing ever happens here.
 *
 * @throws {Fault} invalid when the variable can't be understood
 */
export function openFaultPort(planted: string | undefined): FaultPort {
  if (planted === undefined || planted === "") return { at() {} };
  if (planted.startsWith("@")) {
    const file = planted.slice(1);
    return { at: (point) => openFaultPort(existsSync(file) ? readFileSync(file, "utf8") : "").at(point) };
  }
  const actions = new Map<string, string>();
  for (const one of planted.split(",")) {
    const [point = "", action = ""] = one.split(":");
    if (point === "" || !["kill", "fail"].includes(action)) {
      throw new Fault("invalid", `BERTH_FAULT: "${one}" is not <operation>/<step>/<when>:<kill|fail>`);
    }
    actions.set(point, action);
  }
  return {
    at(point) {
      const action = actions.get(point);
      if (action === "kill") process.kill(process.pid, "SIGKILL");
      if (action === "fail") throw new Fault("internal", `planted failure at ${point}`);
    },
  };
}

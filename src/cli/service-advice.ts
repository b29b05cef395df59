import { loadConfig } from "../config/load.ts";

const unit = "berth.service";
/** A manager that hangs must not hold up the message. */
const answerWithinMs = 2000;

/**
 * What to do about the service of this node when nobody answered at `endpoint`. Undefined: berth is no service here, that is not
 * its socket, or it runs.
 */
export async function serviceAdvice(endpoint: string): Promise<string | undefined> {
  try {
    // As the service has them: without what is set for this command alone.
    if (endpoint !== `unix://${loadConfig({}, {}).config.grpc.socket}`) return undefined;
  } catch {
    // It can't start with such settings, which its state says.
  }
  return adviceFor(await serviceState());
}

/** How the manager sees the service (systemctl(1), show); empty where there is no manager. */
async function serviceState(): Promise<ReadonlyMap<string, string>> {
  try {
    const { execFileSync } = await import("node:child_process"); // slow to load, and seldom needed
    const properties = ["LoadState", "ActiveState", "SubState", "Result", "StatusText"];
    const shown = execFileSync(
      "systemctl",
      ["show", unit, ...properties.map((name) => `--property=${name}`)],
      {
        timeout: answerWithinMs,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      },
    );
    return new Map(shown.split("\n").map((line) => [line.split("=", 1)[0] ?? "", line.replace(/^\w+=/, "")]));
  } catch {
    return new Map();
  }
}

/** @param state the unit's properties, by name */
export function adviceFor(state: ReadonlyMap<string, string>): string | undefined {
  const of = (name: string) => state.get(name) ?? "";
  const active = of("ActiveState");
  if (of("LoadState") !== "loaded" || active === "active" || active === "") return undefined;
  const details = [of("SubState"), of("Result")].filter(
    (word) => !["", active, "dead", "success"].includes(word),
  );
  const how = details.length === 0 ? active : `${active} (${details.join(", ")})`;
  if (active === "inactive") return `${unit} is ${how}; \`systemctl start berth\` starts it`;
  const says = of("StatusText") === "" ? "" : `; it says: ${of("StatusText")}`;
  return `${unit} is ${how}${says}; \`systemctl status berth\` and \`journalctl -u berth\` say more`;
}

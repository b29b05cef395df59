import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const file = fileURLToPath(new URL("../../packaging/grafana/berth.json", import.meta.url));

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly targets?: readonly { readonly refId: string; readonly expr: string }[];
}

/** The packaged dashboard, as far as tests look at it (Grafana, dashboard JSON model). */
export interface Dashboard {
  readonly title: string;
  readonly uid: string;
  readonly schemaVersion: number;
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly definition?: string }[];
  };
  readonly panels: readonly Panel[];
}

export function readDashboard(): Dashboard {
  return JSON.parse(readFileSync(file, "utf8")) as Dashboard;
}

/** An expression with every node chosen, as Grafana would send it. */
export function asQuery(expression: string): string {
  return expression
    .replaceAll("$__rate_interval", "10m")
    .replaceAll(/"\$(job|instance)"/g, '".*"')
    .replaceAll("$job", "berth");
}

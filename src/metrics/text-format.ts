import type { Family, Sample } from "./family.ts";

/** Of what `formatFamilies` writes (Prometheus, exposition formats, text-based format). */
export const textFormatType = "text/plain; version=0.0.4; charset=utf-8";

/**
 * Every family that has a series, in Prometheus' text format 0.0.4. One that can't be read now is left out, and
 * `failed` is told: figures that are missing beat a scrape that fails.
 */
export async function formatFamilies(
  families: Iterable<Family>,
  failed: (family: Family, error: unknown) => void,
): Promise<string> {
  const texts: string[] = [];
  for (const family of families) {
    try {
      const lines = Array.from(await family.samples(), (sample) => formatSample(family.name, sample));
      if (lines.length === 0) continue;
      const help = family.help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
      texts.push(`# HELP ${family.name} ${help}\n# TYPE ${family.name} ${family.type}\n`, ...lines);
    } catch (error) {
      failed(family, error);
    }
  }
  return texts.join("");
}

function formatSample(name: string, { suffix, labels, value }: Sample): string {
  const pairs = labels.map(([label, text]) => `${label}="${escapeValue(text)}"`).join(",");
  return `${name}${suffix}${pairs === "" ? "" : `{${pairs}}`} ${formatValue(value)}\n`;
}

function escapeValue(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function formatValue(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  return value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value);
}

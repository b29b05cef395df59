/** The values of a verbose answer's info map: JSON where they are JSON, else the text. */
export function infoValues(info: Readonly<Record<string, string>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(info).map(([key, text]) => [key, parsed(text)]));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

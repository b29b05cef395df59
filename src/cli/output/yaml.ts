/** Plain data (as JSON has it) as YAML 1.2, block style; every string that could be read as something else is quoted. */
export function yaml(value: unknown): string {
  return `${block(value, "")}\n`;
}

function block(value: unknown, indent: string): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return "[]";
    return value.map((item) => `${indent}- ${block(item, `${indent}  `).trimStart()}`).join("\n");
  }
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    if (fields.length === 0) return "{}";
    return fields.map(([key, field]) => `${indent}${scalar(key)}:${nested(field, indent)}`).join("\n");
  }
  return scalar(value);
}

function nested(value: unknown, indent: string): string {
  const isEmpty = typeof value !== "object" || value === null || Object.keys(value).length === 0;
  return isEmpty ? ` ${block(value, "")}` : `\n${block(value, `${indent}  `)}`;
}

function scalar(value: unknown): string {
  if (typeof value !== "string") return String(value ?? null);
  const plain =
    /^[A-Za-z_/][A-Za-z0-9_./-]*$/.test(value) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(value);
  return plain ? value : JSON.stringify(value);
}

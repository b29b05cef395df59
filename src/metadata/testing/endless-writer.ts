import { openMetadata } from "../open.ts";

/**
 * Run as a process by the kill test: writes pairs of records without end, and prints the number of each pair once
 * both are committed. The two of a pair go in one transaction.
 */
const metadata = await openMetadata(process.argv[2] ?? "", { idle: 0 });
const table = metadata.table<string, { pair: number }>("pair", (value) => value as { pair: number });
for (let pair = 0; ; pair++) {
  const left = table.put(`left-${pair}`, { pair });
  const right = table.put(`right-${pair}`, { pair });
  await Promise.all([left, right]);
  process.stdout.write(`${pair}\n`);
}

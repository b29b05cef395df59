import { formatNumbers, numbersOf } from "../../base/number-list.ts";
import { threadSiblings } from "../../linux/processors/processor-files.ts";

/** Of a container's own processors those that go on taking interrupts for the others: the first and what shares its core. */
export async function housekeepingOf(own: string): Promise<string> {
  const processors = numbersOf(own) ?? [];
  const [first] = processors;
  if (first === undefined) return "";
  const core = new Set(numbersOf(await threadSiblings(first)));
  return formatNumbers(processors.filter((processor) => core.has(processor)));
}

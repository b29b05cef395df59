import { faultKind } from "../../base/fault.ts";
import { openMetadata } from "../open.ts";

/** Run as a process with its database on a tiny file system: prints what became of it. */
const metadata = await openMetadata(process.argv[2] ?? "", { idle: 0 });
const table = metadata.table<string, string>("big", String);
await table.put("before", "small");
const refused = await table.put("big", "x".repeat(4_000_000)).then(() => "nothing", faultKind);
await table.put("after", "small");
process.stdout.write(`${refused} ${table.get("big") === undefined} ${table.get("after")}`);
await metadata.close();

import { openPlace, run, soon } from "./place.ts";

/**
 * Run as a process that the tests kill: makes a container at the place given, prints it on a line, and goes on until
 * it is killed, running a command in it if that is asked for; or makes one container after another.
 */
const [directory = "", cgroup = "", tested = "", how = "", script = ""] = process.argv.slice(2);
const place = await openPlace(directory, cgroup, JSON.parse(tested));
if (how === "endless") {
  process.stdout.write("ready\n");
  for (;;) await run(place, { args: ["sleep", "1000"] });
}
const made = await run(place, { args: ["sh", "-c", how === "run" ? script : "sleep 1000"] });
process.stdout.write(`${JSON.stringify(made)}\n`);
setInterval(() => undefined, 1000);
if (how === "exec") {
  const command = script.split(" ");
  await place.runtime.execSync(
    { id: made.id, handler: place.handler, command, timeout: undefined, maxOutput: 1000 },
    soon(),
  );
}

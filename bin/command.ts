/** What the bundle of the command gives to `start.ts`: all but the daemon. */
export { main } from "../src/cli/main.ts";

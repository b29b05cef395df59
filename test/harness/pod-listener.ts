import { spawn } from "node:child_process";
import { once } from "node:events";

/** Gives back what it is sent; its queue holds many that come at once, which is beyond busybox's servers. */
const program = `
  const server = require("node:net").createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => undefined).pipe(socket);
  });
  server.listen({ port: Number(process.argv[1]), host: "127.0.0.1", backlog: 511 }, () => console.log("listens"));
`;

/** A server of echoes in the network of the process `pid`, until disposed of. */
export async function echoWithin(pid: number, port: number): Promise<Disposable> {
  const command = [`--net=/proc/${pid}/ns/net`, process.execPath, "-e", program, String(port)];
  const child = spawn("nsenter", command, { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  return { [Symbol.dispose]: () => void child.kill("SIGKILL") };
}

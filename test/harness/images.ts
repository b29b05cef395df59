import { join } from "node:path";
import { busyboxLayer, directory, file } from "../images/busybox.ts";
import { writeOciArchive } from "../images/image.ts";
import type { DaemonCalls } from "./daemon.ts";

/** Debian's busybox with users and groups. */
export const busyboxImage = "test.berth.example/busybox:1";

/** Gives the daemon the busybox image without a registry. */
export async function importBusybox(daemon: DaemonCalls): Promise<void> {
  const path = join(daemon.workspace.directory, "busybox.tar");
  await writeOciArchive(
    {
      name: busyboxImage,
      layers: [busyboxLayer(), [directory("www"), file("www/index.html", "hello from berth\n")]],
      config: { Cmd: ["sh"], Labels: { purpose: "test" } },
    },
    path,
  );
  await daemon.berth.import({ path });
}

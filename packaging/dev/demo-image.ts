/** Writes the image that `make run` shows to the path that it is given: busybox serving one page. */
import { busyboxLayer, directory, file } from "../../test/images/busybox.ts";
import { writeOciArchive } from "../../test/images/image.ts";

const [path = "demo.tar", name = "localhost/berth-demo:1"] = process.argv.slice(2);
const serve = `#!/bin/sh
echo "serving on $(hostname -i), port 80"
exec httpd -f -v -p 80 -h /www
`;

await writeOciArchive(
  {
    name,
    layers: [
      busyboxLayer(),
      [
        directory("www"),
        file("www/index.html", "A page from a pod that berth runs.\n"),
        file("bin/serve", serve, 0o755),
      ],
    ],
    config: { Cmd: ["/bin/serve"] },
  },
  path,
);

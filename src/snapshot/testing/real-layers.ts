import type { TestEntry } from "./build-tar.ts";

const capability = Buffer.from("0100000200040000000000000000000000000000", "hex");
const long = "a name of many words, ".repeat(11);

/** A hundred small files in each of so many directories. */
function* smallFiles(directories: number): Generator<TestEntry> {
  yield { name: "many/", mtime: 1 };
  for (let d = 0; d < directories; d++) {
    yield { name: `many/${d}/`, mode: 0o750, uid: d, mtime: d };
    for (let f = 0; f < 100; f++)
      yield { name: `many/${d}/${f}`, content: `${d}/${f}\n`.repeat(f), mode: 0o640, gid: f, mtime: 1e9 + f };
  }
}

const base: TestEntry[] = [
  { name: "./", mode: 0o755, mtime: 100 },
  ...["usr/", "usr/bin/", "usr/lib/", "etc/", "run/", "var/", "opt/", "opt/tool/"].map((name) => ({
    name,
    mtime: 200,
  })),
  { name: "tmp/", mode: 0o1777, mtime: 201 },
  { name: "root/", mode: 0o700, mtime: 202, xattrs: { "user.owner": "root" } },
  { name: "srv/", mode: 0o2750, uid: 33, gid: 34, mtime: 203 },
  { name: "bin", flag: "2", link: "usr/bin", mtime: 300 },
  { name: "lib", flag: "2", link: "usr/lib", mtime: 301 },
  { name: "var/run", flag: "2", link: "/run", mtime: "302.5" },
  { name: "usr/bin/su", content: "#!su", mode: 0o4755, mtime: "1700000000.123456789" },
  { name: "usr/bin/wall", content: "#!wall", mode: 0o2755, gid: 5, mtime: 1700000001 },
  {
    name: "usr/bin/ping",
    content: "#!ping",
    mode: 0o755,
    mtime: 1700000002,
    xattrs: { "security.capability": capability },
  },
  { name: "usr/bin/oldest", content: "removed later", mtime: 5 },
  {
    name: "etc/passwd",
    content: "root:x:0:0::/root:/bin/sh\n",
    mtime: 1600000000,
    xattrs: { "user.note": "from base" },
  },
  { name: "etc/shadow", content: "root:*:1::::::\n", mode: 0o640, gid: 42, mtime: 1600000001 },
  { name: "etc/group", content: "root:x:0:\n", mtime: 1600000002 },
  // as tars are written: a link's entry says of the file what the file's own says
  { name: "etc/passwd-", flag: "1", link: "etc/passwd", mtime: 1600000000 },
  { name: "opt/tool/v1", content: "1", mtime: 6 },
  { name: "opt/tool/data/", mtime: 7 },
  { name: "opt/tool/data/x", content: "x", mtime: 8 },
  { name: "srv/cache/", mode: 0o711, mtime: 9 },
  { name: "srv/cache/a", content: "a", mtime: 10 },
  { name: "srv/cache/sub/", mtime: 11 },
  { name: "srv/cache/sub/b", content: "b", mtime: 12 },
  { name: "dev/", mtime: 13 },
  { name: "dev/null", flag: "3", device: [1, 3], mode: 0o666, mtime: 14 },
  { name: "dev/loop0", flag: "4", device: [7, 0], mode: 0o660, gid: 6, mtime: 15 },
  { name: "run/initctl", flag: "6", mode: 0o600, mtime: 16 },
  { name: `usr/lib/${long}`, content: "long", mtime: 17 },
  { name: `${"usr/lib/deep/".repeat(1)}${"d/".repeat(90)}end`, content: "deep", mtime: 18 },
  { name: "usr/lib/größe ☃", content: "utf-8", mtime: 19 },
  { name: Buffer.from([0x65, 0x74, 0x63, 0x2f, 0xe4, 0xff]), content: "latin1", mtime: 20 },
  {
    name: "usr/lib/sparse",
    content: "begin-end",
    mtime: 21,
    pax: [
      ["GNU.sparse.major", "0"],
      ["GNU.sparse.minor", "1"],
      ["GNU.sparse.name", "usr/lib/sparse"],
      ["GNU.sparse.size", "3000000"],
      ["GNU.sparse.numblocks", "2"],
      ["GNU.sparse.map", "1000,6,2999997,3"],
    ],
  },
  { name: "swap", content: "a file", mtime: 22 },
  { name: "turn/", mtime: 23 },
  { name: "turn/inner", content: "i", mtime: 24 },
];

const middle: TestEntry[] = [
  // implicit parents: no entry for etc, root, srv, tmp
  { name: "etc/conf.d/new.conf", content: "new", mtime: 30 },
  { name: "root/.profile", content: "profile", mtime: 31 },
  { name: "tmp/x", content: "x", mtime: 32 },
  // hard links into the layer below, one by a path with links
  { name: "etc/group.hard", flag: "1", link: "etc/group", mtime: 1600000002 },
  { name: "opt/su", flag: "1", link: "usr/bin/su", mode: 0o4755, mtime: "1700000000.123456789" },
  // paths through links of the layer below
  { name: "bin/tool", content: "#!tool", mode: 0o755, mtime: 33 },
  { name: "lib/tool/plugin.so", content: "so", mtime: 34 },
  { name: "var/run/tool.pid", content: "1", mtime: 35 },
  { name: "usr/bin/.wh.oldest" },
  // a directory that is removed and made again
  { name: "opt/.wh.tool" },
  { name: "opt/tool/", mode: 0o750, uid: 3, mtime: 36 },
  { name: "opt/tool/v2", content: "2", mtime: 37 },
  // opaque
  { name: "srv/cache/", mode: 0o711, mtime: 38 },
  { name: "srv/cache/.wh..wh..opq" },
  { name: "srv/cache/c", content: "c", mtime: 39 },
  { name: "srv/cache/sub/", mode: 0o755, mtime: 40 },
  { name: "srv/cache/sub/d", content: "d", mtime: 41 },
  { name: "swap/", mtime: 42 },
  { name: "swap/now", content: "a directory", mtime: 43 },
  { name: "turn", content: "now a file", mtime: 44 },
];

const top: TestEntry[] = [
  { name: "etc/", mode: 0o700, mtime: 50 },
  { name: "etc/.wh.shadow" },
  { name: "etc/passwd", content: "root:x:0:0::/:/bin/sh\n", mtime: 51 },
  { name: "srv/.wh.cache" },
  { name: "many/5/.wh.7" },
  { name: "many/6/", mode: 0o700, mtime: 52 },
  { name: "many/6/.wh..wh..opq" },
  { name: "swap/later", content: "later", mtime: 53 },
  { name: "opt/tool/.wh.v2" },
  { name: "opt/tool/link", flag: "2", link: "../../bin/tool", uid: 9, mtime: 54 },
];

/**
 * Three layers with everything that real ones have been seen to hold.
 *
 * @param hundreds of small files, at least 7
 */
export function realLayers(hundreds: number): TestEntry[][] {
  return [[...base, ...smallFiles(hundreds)], middle, top];
}

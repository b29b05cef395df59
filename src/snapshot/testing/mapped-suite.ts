import assert from "node:assert/strict";
import { chownSync, lstatSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { UserRanges } from "../../linux/contract.ts";
import { HostThread } from "../../linux/host-thread.ts";
import { hostMounts } from "../../linux/mounts.ts";
import { hostNamespaces } from "../../linux/namespaces.ts";
import type { TestEntry } from "./build-tar.ts";
import { asRoot, nameOf, SnapshotFixture, type Tried } from "./fixture.ts";

const mounts = hostMounts();

/** What every snapshotter does for containers with a user namespace. */
export function mappedSuite(name: Tried, ready: () => string | undefined = () => undefined): void {
  describe(`${nameOf(name)} in user namespaces`, { skip: asRoot }, () => {
    let fixture: SnapshotFixture;
    const thread = new HostThread(60_000);
    const namespaces = hostNamespaces(thread, mounts);
    const users = (hostId: number): UserRanges => ({
      uids: { hostId, length: 65_536 },
      gids: { hostId: hostId + 1_000_000, length: 65_536 },
    });
    const at = (path: string) => join(fixture.directory, path);
    const ids = (path: string) => {
      const { uid, gid } = lstatSync(path);
      return `${uid}:${gid}`;
    };
    const pins: string[] = [];

    /** The snapshots with the ids of a new namespace, while `act` runs. */
    async function mapped<T>(
      hostId: number,
      act: (shown: string, namespace: string) => Promise<T>,
    ): Promise<T> {
      const pin = at(`ns-${hostId}`);
      if (!pins.includes(pin)) {
        pins.push(pin);
        const nothing = { kinds: [], hostname: "", sysctls: {} };
        await namespaces.pin({ directory: pin, ...nothing, users: users(hostId) });
      }
      const shown = at(`shown-${hostId}`);
      mkdirSync(shown, { recursive: true });
      await mounts.bind(fixture.snapshots.directory, shown, { idmap: join(pin, "user") });
      try {
        return await act(shown, join(pin, "user"));
      } finally {
        await mounts.unmount(shown);
      }
    }

    async function container(hostId: number, ...layers: readonly (readonly TestEntry[])[]) {
      const { snapshots } = fixture;
      const chain = layers.length === 0 ? undefined : await fixture.stack(...layers);
      const key = fixture.newKey();
      await snapshots.prepareContainer(key, chain, users(hostId));
      const root = await mapped(hostId, async (shown, namespace) =>
        fixture.mount(await snapshots.mounts(key, shown), namespace),
      );
      return { key, chain, root };
    }

    before(async () => {
      fixture = new SnapshotFixture(name, ready());
      assert.equal(await fixture.snapshots.probe(), undefined);
    });
    after(async () => {
      for (const pin of pins) await namespaces.unpin(pin);
      await thread[Symbol.asyncDispose]();
      await fixture[Symbol.asyncDispose]();
    });

    it("works here", async () => {
      await mapped(100_000, async (shown, namespace) => {
        const place = { at: shown, users: users(100_000), namespace };
        assert.equal(await fixture.snapshots.probe(place), undefined);
        const wrong = { ...place, at: fixture.snapshots.directory, namespace: "/proc/self/ns/user" };
        assert.match((await fixture.snapshots.probe(wrong)) ?? "", /ids/);
      });
    });

    it("shows the image's owners as the namespace's, and stores what the container's root makes", async () => {
      const { key, root } = await container(
        100_000,
        [{ name: "./", uid: 0, gid: 0, mode: 0o755 }, { name: "root" }, { name: "user", uid: 33, gid: 44 }],
        [{ name: "d/" }, { name: "d/top", uid: 7, gid: 8 }, { name: "link", flag: "2", link: "root" }],
      );
      assert.equal(ids(root), "100000:1100000");
      assert.equal(ids(join(root, "root")), "100000:1100000");
      assert.equal(ids(join(root, "user")), "100033:1100044");
      assert.equal(ids(join(root, "d/top")), "100007:1100008");
      assert.equal(ids(join(root, "link")), "100000:1100000");
      writeFileSync(join(root, "user"), "changed"); // copied up
      assert.equal(ids(join(root, "user")), "100033:1100044");
      writeFileSync(join(root, "d/top"), "changed");
      chownSync(join(root, "d/top"), 100_001, 1_100_002);
      assert.equal(ids(join(root, "d/top")), "100001:1100002");
      await fixture.unmount(root);
      const again = await mapped(100_000, async (shown, namespace) =>
        fixture.mount(await fixture.snapshots.mounts(key, shown), namespace),
      );
      assert.equal(ids(join(again, "d/top")), "100001:1100002");
    });

    it("gives one image to namespaces with different ids, and to none", async () => {
      const chain = await fixture.stack([{ name: "file", uid: 1, gid: 2 }]);
      const seen: string[] = [];
      for (const hostId of [200_000, 300_000]) {
        const key = fixture.newKey();
        await fixture.snapshots.prepareContainer(key, chain, users(hostId));
        const root = await mapped(hostId, async (shown, namespace) =>
          fixture.mount(await fixture.snapshots.mounts(key, shown), namespace),
        );
        seen.push(ids(join(root, "file")));
        const view = await mapped(hostId, async (shown, namespace) =>
          fixture.mount(await fixture.snapshots.view(chain, shown), namespace),
        );
        assert.equal(ids(join(view, "file")), seen.at(-1));
      }
      const key = fixture.newKey();
      await fixture.snapshots.prepareContainer(key, chain);
      seen.push(ids(join(await fixture.mount(await fixture.snapshots.mounts(key)), "file")));
      assert.deepEqual(seen, ["200001:1200002", "300001:1300002", "1:2"]);
    });

    it("has a root for a container without layers", async () => {
      const { root } = await container(100_000);
      assert.equal(ids(root), "100000:1100000");
    });

    it("mounts more layers than their names fit into a page", async () => {
      const layers = Array.from({ length: 60 }, (_, number) => [{ name: `f${number}`, uid: number }]);
      const { root } = await container(100_000, ...layers);
      assert.equal(ids(join(root, "f0")), "100000:1100000");
      assert.equal(ids(join(root, "f59")), "100059:1100000");
    });
  });
}

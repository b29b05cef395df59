import { privileged } from "../harness/privileged.ts";
import { snapshotterPods } from "../harness/snapshotter-pods.ts";

snapshotterPods("native", privileged.skip ?? false, () => ({ name: "native", mapsUsers: true }));

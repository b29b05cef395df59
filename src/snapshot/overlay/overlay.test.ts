import { snapshotterSuite } from "../testing/suite.ts";

snapshotterSuite("overlay", "the temporary directory", () => undefined);

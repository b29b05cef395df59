import { snapshotterSuite } from "../testing/suite.ts";

snapshotterSuite("native", "the temporary directory", () => undefined);

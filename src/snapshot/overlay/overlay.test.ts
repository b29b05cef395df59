import { changesSuite } from "../testing/changes-suite.ts";
import { mappedSuite } from "../testing/mapped-suite.ts";
import { snapshotterSuite } from "../testing/suite.ts";

snapshotterSuite("overlay", "the temporary directory", () => undefined);
mappedSuite("overlay");
changesSuite("overlay");

import { changesSuite } from "../testing/changes-suite.ts";
import { mappedSuite } from "../testing/mapped-suite.ts";
import { snapshotterSuite } from "../testing/suite.ts";

snapshotterSuite("native", "the temporary directory", () => undefined);
mappedSuite("native");
changesSuite("native");

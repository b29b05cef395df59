import { containerRuntimeSuite } from "../testing/suite.ts";

containerRuntimeSuite("runc");

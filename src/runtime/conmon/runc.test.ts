import { containerRuntimeSuite } from "../testing/suite.ts";
import { conmonWith } from "../testing/tested-handler.ts";

containerRuntimeSuite(conmonWith("runc"));

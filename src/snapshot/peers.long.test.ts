import { inFull } from "./testing/fixture.ts";
import { peersSuite } from "./testing/peers-suite.ts";
import { realLayers } from "./testing/real-layers.ts";

// 10,000 small files; the ordinary run has fewer of them.
peersSuite(realLayers(100), inFull);

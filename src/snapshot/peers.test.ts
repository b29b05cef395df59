import { peersSuite } from "./testing/peers-suite.ts";
import { realLayers } from "./testing/real-layers.ts";

peersSuite(realLayers(10));

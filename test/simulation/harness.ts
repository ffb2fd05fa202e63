/** What tests use of the simulation. They load it as a bundle (pool.ts): then everything that needs no time is over before time goes on. @module */
export { defaultProvider } from "../../src/crypto/default-provider-node.js";
export { establishSession } from "../../src/transport/stream/establish.js";
export { base } from "./points.js";
export { Recorder } from "./recorder.js";
export { Verifier } from "./verifier.js";
export { juliet, romeo, usualServer, World } from "./world.js";

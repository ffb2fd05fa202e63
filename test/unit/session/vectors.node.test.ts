import { nodeProvider } from "../../../src/crypto/node-provider.js";
import { sessionVectors } from "./vectors.js";

sessionVectors(nodeProvider);

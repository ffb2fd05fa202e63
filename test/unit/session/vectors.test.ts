import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import { sessionVectors } from "./vectors.js";

sessionVectors(nobleProvider);

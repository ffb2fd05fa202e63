import { createWebCryptoProvider } from "../../../src/crypto/webcrypto-provider.js";
import { sessionVectors } from "./vectors.js";

sessionVectors(createWebCryptoProvider());

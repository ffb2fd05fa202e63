/** The older OMEMO version with the cipher that runs everywhere. */
import { nobleGcm } from "../../src/crypto/noble-gcm.js";
import { legacyProfile as profileWith } from "../../src/session/legacy/profile.js";
import type { OmemoProfile } from "../../src/session/profile.js";

export const legacyProfile: OmemoProfile = profileWith(nobleGcm);

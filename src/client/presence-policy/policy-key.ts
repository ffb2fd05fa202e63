/** Where the policy is kept: known without loading the code that keeps it. @module */
import { storeKey, type StoreKey } from "../../session/ports.js";

/** Without this row there is no policy. */
export const policyKey: StoreKey = storeKey("client/policy");

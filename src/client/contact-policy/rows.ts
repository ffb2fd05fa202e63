/** Where the contact policy and the strangers' box lie. @module */
import { type StoreKey, storeKey } from "../../session/ports.js";

/** The rules, if there are any. */
export const policyKey: StoreKey = storeKey("client/contact-policy");
/** Prefix of everything about strangers: the box, and who was accepted out of it. */
export const strangersPrefix = "client/strangers/";

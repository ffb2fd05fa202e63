/** The record of whose store this is (threats N14). @module */
import { utf8, type Bytes } from "../base/bytes.js";
import type { BareJid } from "../base/jid.js";
import { storeKey, type StoreKey } from "../session/ports.js";

/** One row per store. */
export const accountKey: StoreKey = storeKey("client/account");

/** The bare address as text. */
export const encodeAccount = (account: BareJid): Bytes => utf8(account);

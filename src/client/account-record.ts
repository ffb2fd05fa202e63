/** The record of whose store this is (threats N14, D13). @module */
import { utf8, utf8Decode, type Bytes } from "../base/bytes.js";
import { type BareJid, parseBareJid } from "../base/jid.js";
import type { SymmetricCrypto } from "../crypto/provider.js";
import { storeKey, type Store, type StoreKey } from "../session/ports.js";
import { omemo2Profile } from "../session/omemo2/profile.js";
import { decodeOwnDevice } from "../session/records/own-records.js";
import { StoreKeys } from "../session/records/store-keys.js";
import { unlessDamaged } from "./damaged.js";
import { invalidRecord } from "./json-record.js";

/** One row per store. */
export const accountKey: StoreKey = storeKey("client/account");

/** The bare address as text. */
export const encodeAccount = (account: BareJid): Bytes => utf8(account);

/** Whose a store is. */
export interface StoreOwner {
  readonly account: BareJid;
  /** Its identity says so, and the row says something else, or nothing. */
  readonly isDamaged: boolean;
}

/**
 * Whose store it is; `undefined`: nobody's yet. Where the row does not say `account` the own device has the last word, and nobody guesses.
 * @throws StorageError, SessionError or ClientError `ERR_RECORD_INVALID` if nothing says it
 */
export async function storedAccount(store: Store, symmetric: Pick<SymmetricCrypto, "sha256">, account: BareJid): Promise<StoreOwner | undefined> {
  const row = await unlessDamaged(() => store.get(accountKey));
  if (row === undefined) return undefined;
  const named = row === "damaged" ? undefined : parseBareJid(utf8Decode(row) ?? "");
  const device = named === account ? undefined : await store.get(new StoreKeys(symmetric, omemo2Profile.namespace).ownDevice());
  if (device !== undefined) return { account: decodeOwnDevice(device).account, isDamaged: true };
  if (named === undefined) throw invalidRecord();
  return { account: named, isDamaged: false };
}

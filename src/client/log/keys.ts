/**
 * Where the message log keeps what. Positions may be negative (history from before this device), so keys hold them with an
 * offset: the order of the keys is the order of the positions.
 * @module
 */
import { toHex, utf8, utf8Decode } from "../../base/bytes.js";
import type { BareJid } from "../../base/jid.js";
import type { SymmetricCrypto } from "../../crypto/provider.js";
import { keyPart, storeKey, type StoreKey } from "../../session/ports.js";
import { invalidRecord } from "../json-record.js";

const offset = 2 ** 52;
// Keys have at most 1,024 characters: longer parts stand as their hash, behind a character that keyPart never writes.
const plainPartMax = 256;
/** Addresses whose part of a key is remembered. */
const addressesMax = 256;

/** A position as the last part of a key. */
export const positionPart = (position: number): string => (position + offset).toString(16).padStart(14, "0");

/** The position at the end of `key`. */
export const positionOf = (key: string): number => Number.parseInt(key.slice(key.lastIndexOf("/") + 1), 16) - offset;

/** The position in a row that holds nothing else. @throws ClientError `ERR_RECORD_INVALID` */
export function notedPosition(row: Uint8Array | undefined): number | undefined {
  if (row === undefined) return undefined;
  const position = Number(utf8Decode(row) ?? "?");
  if (!Number.isSafeInteger(position)) throw invalidRecord();
  return position;
}

/** Prefix of the index over all conversations. */
export const timelinePrefix = "client/timeline/";
/** What was taken in and is not in the log, with the time. */
export const takenRange: { readonly prefix: string } = { prefix: "client/taken/" };
/** Prefix of the read positions. */
export const readPrefix = "client/read/";
/** The highest position given out when a message was removed last, perhaps the newest: no position is used twice. */
export const logEndKey: StoreKey = storeKey("client/log-end");
/** The lowest, likewise. */
export const logBeginKey: StoreKey = storeKey("client/log-begin");

/** Names the rows of the log. */
export class LogKeys {
  readonly #symmetric: Pick<SymmetricCrypto, "sha256">;
  readonly #addresses = new Map<BareJid, string>();

  constructor(symmetric: Pick<SymmetricCrypto, "sha256">) {
    this.#symmetric = symmetric;
  }

  conversationPrefix(conversation: BareJid): string {
    return `client/log/${this.#address(conversation)}/`;
  }

  message(conversation: BareJid, position: number): StoreKey {
    return storeKey(this.conversationPrefix(conversation) + positionPart(position));
  }

  timeline(position: number): StoreKey {
    return storeKey(timelinePrefix + positionPart(position));
  }

  /** Messages of this device by their id. */
  sent(id: string): StoreKey {
    return storeKey(`client/sent/${this.#part(id)}`);
  }

  /** Messages by the id that our archive gave them. */
  stanzaId(id: string): StoreKey {
    return storeKey(`client/sid/${this.#part(id)}`);
  }

  /** What was taken in and is not in the log, by the id that our archive gave it. */
  taken(id: string): StoreKey {
    return storeKey(takenRange.prefix + this.#part(id));
  }

  /** There if this account has written to `jid`: such a peer may get automatic receipts (threats V03). */
  writtenTo(jid: BareJid): StoreKey {
    return storeKey(`client/peer/${this.#address(jid)}`);
  }

  /** There if the user took what `jid`, a stranger, had written into the conversation. */
  accepted(jid: BareJid): StoreKey {
    return storeKey(`client/strangers/accepted/${this.#address(jid)}`);
  }

  /** Up to where a conversation was read. */
  readPosition(jid: BareJid): StoreKey {
    return storeKey(readPrefix + this.#address(jid));
  }

  /** How far the archive was paged back for a conversation. */
  backfill(jid: BareJid): StoreKey {
    return storeKey(`client/backfill/${this.#part(jid)}`);
  }

  #part(text: string): string {
    const part = keyPart(text);
    return part.length <= plainPartMax ? part : `~${toHex(this.#symmetric.sha256(utf8(text)))}`;
  }

  /** A page of the archive names few addresses many times. */
  #address(jid: BareJid): string {
    let part = this.#addresses.get(jid);
    if (part === undefined) {
      if (this.#addresses.size >= addressesMax) this.#addresses.clear();
      part = this.#part(jid);
      this.#addresses.set(jid, part);
    }
    return part;
  }
}

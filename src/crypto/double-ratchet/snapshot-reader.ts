/**
 * Reading the stored state of a ratchet: every failure is the same typed error. Not here: what the fields mean (snapshot.ts, skipped-keys.ts).
 * @module
 */
import { ByteReader } from "../../base/stored-bytes.js";
import { CryptoError } from "../errors.js";
import { publicKey, type PublicKey } from "../keys.js";

/** Fields of stored state. Throws CryptoError `ERR_SNAPSHOT_INVALID`. */
export class SnapshotReader extends ByteReader {
  constructor(source: Uint8Array) {
    super(source, invalidSnapshot);
  }

  /** 32 bytes that are a valid X25519 key. */
  publicKey(): PublicKey {
    const raw = this.fixed(32);
    try {
      return publicKey(raw);
    } catch (cause) {
      throw new CryptoError("ERR_SNAPSHOT_INVALID", "stored state holds an invalid key", { cause });
    }
  }
}

/** The one error for stored bytes that we did not write. */
export function invalidSnapshot(): CryptoError {
  return new CryptoError("ERR_SNAPSHOT_INVALID", "stored state does not have the form that this version writes");
}

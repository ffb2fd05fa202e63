/** The errors of crypto/. @module */
import { SottoError, type SottoErrorOptions } from "../base/errors.js";

/** Codes of {@link CryptoError}. */
export type CryptoErrorCode =
  | "ERR_CRYPTO_INVALID_KEY" // wrong length, not canonical, not on the curve, small order, wrong subgroup
  | "ERR_CRYPTO_LOW_ORDER" // an X25519 result of all zero
  | "ERR_CRYPTO_BAD_SIGNATURE"
  | "ERR_CRYPTO_UNAVAILABLE" // a part that replaces a missing curve of the platform did not load; retryable
  | "ERR_CRYPTO_DECRYPT" // one error for every reason why a ciphertext is refused
  | "ERR_RATCHET_DUPLICATE" // the message key was used before
  | "ERR_RATCHET_TOO_MANY_SKIPPED"
  | "ERR_RATCHET_OWN_KEY" // our own ratchet key comes back as the peer's
  | "ERR_SNAPSHOT_INVALID" // a stored state that we did not write, or of a newer version
  | "ERR_X3DH_NO_PREKEY";

/** A key, signature, ciphertext or stored state that is not accepted. Nothing has changed when it is thrown. */
export class CryptoError extends SottoError {
  readonly code: CryptoErrorCode;
  constructor(code: CryptoErrorCode, message: string, options?: SottoErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The errors of session/. @module */
import { SottoError, type SottoErrorOptions } from "../base/errors.js";
import type { CryptoErrorCode } from "../crypto/errors.js";

/** Codes of {@link SessionError}. */
export type SessionErrorCode =
  | "ERR_RECORD_INVALID" // a stored record that we did not write, or of a newer version
  | "ERR_OWN_DEVICE_MISMATCH" // the store belongs to another account
  | "ERR_DIRECTORY_UNAVAILABLE" // the server did not say what our own device list or bundle is
  | "ERR_DEVICE_LIST_CONTESTED" // somebody keeps removing our device from our list
  | "ERR_DEVICE_LIST_FULL" // our device list has no room for this device; another one has to be taken off it
  | "ERR_DEVICE_UNKNOWN"; // a decision about a key that was never seen

/** A call that could not be carried out. Messages that fail to decrypt are data, not errors: see `OpenOutcome`. */
export class SessionError extends SottoError {
  readonly code: SessionErrorCode;
  constructor(code: SessionErrorCode, message: string, options?: SottoErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Why a received message could not be read. `CryptoError` codes come from ratchet and key checks. */
export type OpenFailureCode =
  | CryptoErrorCode
  | "ERR_SESSION_MALFORMED" // the bytes of the key are neither message nor key exchange
  | "ERR_SESSION_NONE" // no session with that device
  | "ERR_SESSION_UNKNOWN_PREKEY" // a one-time or signed prekey that we do not have (any more)
  | "ERR_SESSION_IDENTITY_CHANGED" // known device, other identity key: waits for a decision (threats R05)
  | "ERR_SESSION_KEY_EXCHANGE_ALTERED" // known ephemeral key with another device id, identity or prekeys around it
  | "ERR_SESSION_OWN_KEY" // our own identity or ratchet key comes from somebody else (threats R15)
  | "ERR_PAYLOAD_INVALID" // the ratchet message was good, the payload is not; the key is spent
  | "ERR_ENVELOPE_INVALID" // not one well-formed SCE envelope
  | "ERR_ENVELOPE_FROM" // written by somebody else than the sender (threats E01)
  | "ERR_ENVELOPE_TO"; // written to somebody else (threats E02)

/** The errors of transport/. @module */
import { SottoError, type SottoErrorOptions } from "../base/errors.js";

/** Codes of {@link TransportError}. */
export type TransportErrorCode =
  // connecting
  | "ERR_CONNECT_FAILED" // no socket; retryable
  | "ERR_CONNECT_TIMEOUT" // a phase did not end in time; retryable
  | "ERR_TLS_REQUIRED" // the server offers no protected link
  | "ERR_TLS_FAILED" // the certificate does not prove the name
  | "ERR_SERVICE_INVALID" // the service address is not one we can use
  // authentication
  | "ERR_AUTH_REJECTED" // wrong password; `details.condition`
  | "ERR_AUTH_TEMPORARY" // the server says: later; retryable
  | "ERR_AUTH_MECHANISM" // nothing at or above the floor is offered
  | "ERR_AUTH_SERVER" // the server did not prove that it knows the password
  | "ERR_AUTH_PASSWORD_SOURCE" // the application's password callback threw or gave no string, or what it gave is empty or has control characters
  | "ERR_CRYPTO_UNAVAILABLE" // the platform cannot compute what the login needs: no WebCrypto (a page without https), or not this hash
  | "ERR_BIND_FAILED"
  | "ERR_BIND_FOREIGN" // bound to another account's address
  // stream
  | "ERR_STREAM_MALFORMED" // not XML, or XML that streams may not hold; `details.condition`
  | "ERR_STREAM_LIMIT" // more than the limits allow
  | "ERR_STREAM_PROTOCOL" // well-formed, but not what may come now
  | "ERR_STREAM_CLOSED" // the link is gone; retryable
  | "ERR_STREAM_ERROR" // the server closed with a stream error; `details.condition`
  | "ERR_STREAM_CONFLICT" // another client took our resource
  // stanzas
  | "ERR_STANZA_TOO_LARGE"
  | "ERR_STANZA_ERROR" // an error stanza answered; `details.condition`
  | "ERR_IQ_TIMEOUT" // retryable
  | "ERR_IQ_TOO_MANY"
  | "ERR_PERSONAL_EVENT_UNAVAILABLE" // somebody's node cannot be read
  | "ERR_AVATAR_INVALID" // too large, of no known type, or not the image that was announced
  | "ERR_PUBLISH_FAILED"
  // privacy
  | "ERR_PRIVACY_LISTS_UNSUPPORTED" // the server has none
  | "ERR_PRIVACY_LIST_CONFLICT" // the list is in force for another connection
  | "ERR_PRIVACY_LIST_UNKNOWN" // there is no list of that name
  | "ERR_PRIVACY_LIST_CHANGED" // somebody else edited it meanwhile; retryable
  | "ERR_PRIVACY_LIST_NOT_KEPT" // the server keeps or applies another list than it was sent
  | "ERR_BLOCKING_UNSUPPORTED"; // the server has no block list

/** A failure of the link, the server or a request. `details.condition` is a condition name defined by an RFC or XEP. */
export class TransportError extends SottoError {
  readonly code: TransportErrorCode;
  constructor(code: TransportErrorCode, message: string, options?: SottoErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The errors of client/, and the union of everything an application may meet. @module */
import { InternalError, SottoError, type SottoErrorOptions, type UsageError } from "../base/errors.js";
import type { CryptoError } from "../crypto/errors.js";
import type { SessionError } from "../session/errors.js";
import type { StorageError } from "../storage/errors.js";
import type { TransportError } from "../transport/errors.js";

/** Codes of {@link ClientError}. */
export type ClientErrorCode =
  | "ERR_NO_OMEMO" // the contact publishes no device: only sendUnencrypted() could reach them
  | "ERR_NO_TRUSTED_DEVICE" // the contact has devices, but none may get the content or none can be reached
  | "ERR_MESSAGE_TOO_LARGE"
  | "ERR_MESSAGE_REFUSED" // the recipient's side bounced it; `details.condition`
  | "ERR_MESSAGE_CANCELLED" // taken back by the application before it was sealed
  | "ERR_STORE_FOREIGN_ACCOUNT" // the store belongs to another account
  | "ERR_STORE_ROLLED_BACK" // the store is an old copy; see `onRollback`
  | "ERR_RECORD_INVALID" // a stored record that this version did not write
  | "ERR_OUTBOX_FULL"
  | "ERR_OFFLINE" // needs a stream; retryable, unless the client has stopped: `cause` is why
  | "ERR_NOT_LOADED" // a file of Sotto did not come; retryable, at times only in a page that is loaded anew
  | "ERR_POLICY_UNSUPPORTED" // a presence policy needs privacy lists, and the server has none
  | "ERR_POLICY_TOO_LARGE" // more contacts may see us than one privacy list can name
  | "ERR_POLICY_FAILED" // the server refused a step of the presence policy; retryable
  | "ERR_PRESENCE_NOT_ALLOWED" // the presence policy shows that address nothing
  | "ERR_NOT_A_GATEWAY" // the address is the own server's, or does not say of itself that it is a gateway
  | "ERR_INBOX_BUSY" // another consumer has the inbox open
  | "ERR_HANDLER_FAILED" // the application's own inbox handler threw; `cause` is what
  | "ERR_NOT_A_CONTACT" // the roster has no such address
  | "ERR_SUBSCRIPTION_IGNORED" // the server did nothing about a subscription; a privacy list may have kept the stanza back
  | "ERR_NO_REQUEST" // nobody with this address waits for an answer
  | "ERR_NOT_SUPPORTED" // the server does not offer what this needs
  | "ERR_LEADER_LOST" // the tab that did the work is gone, and whether it was done is not known; retryable
  | "ERR_WORKER_LOST" // the worker that did the work has ended, or did not start
  | "ERR_TAB_VERSION"; // another tab runs another build of the application; `details.protocol` and `details.theirs`

/** A request of the application that could not be carried out. */
export class ClientError extends SottoError {
  readonly code: ClientErrorCode;
  constructor(code: ClientErrorCode, message: string, options?: SottoErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Every error that Sotto throws, rejects with or reports. Adding a member is an API change. */
export type AnySottoError = UsageError | InternalError | CryptoError | SessionError | StorageError | TransportError | ClientError;

/** Whatever was thrown, as one of our own errors. */
export function asSottoError(error: unknown): AnySottoError {
  return error instanceof SottoError ? (error as AnySottoError) : new InternalError("an unexpected failure", { cause: error });
}

/** What `import()` of a part gives; it may not come without a network, or when a newer build has taken its place. @throws ClientError `ERR_NOT_LOADED` */
export function loaded<T>(part: Promise<T>): Promise<T> {
  return part.catch((cause: unknown) => { throw new ClientError("ERR_NOT_LOADED", "a part could not be loaded", { cause, retryable: true }); });
}

/** The root of all errors that Sotto throws or reports. Each layer has one subclass with its own union of codes. @module */

/** Values that may stand in an error or a log line: never text from outside, never bytes (threats H01, H02). */
export type SafeDetails = Readonly<Record<string, number | boolean | string>>;

/** What every error constructor of Sotto accepts beside its code. */
export interface SottoErrorOptions {
  /** True if the same call may succeed later without a change by the caller. Default false. */
  readonly retryable?: boolean;
  /** Numbers and names of things, for whoever debugs. No secret, no text from outside. */
  readonly details?: SafeDetails;
  /** The error that led here, if it carries no secret. */
  readonly cause?: unknown;
}

/** An error with a stable `code`. Callers switch on `code`; the text of `message` may change. */
export abstract class SottoError extends Error {
  abstract readonly code: string;
  // A field, not an assignment: in a realm with frozen intrinsics nobody may assign what Error.prototype has (threats H10).
  override readonly name: string = this.constructor.name;
  readonly retryable: boolean;
  readonly details: SafeDetails;

  constructor(message: string, options: SottoErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.retryable = options.retryable ?? false;
    this.details = options.details ?? {};
  }
}

/** A value handed in by the application does not meet the contract of the call. */
export class UsageError extends SottoError {
  readonly code: UsageErrorCode;
  constructor(code: UsageErrorCode, message: string, options?: SottoErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Codes of {@link UsageError}. */
export type UsageErrorCode =
  | "ERR_INVALID_ARGUMENT"
  | "ERR_INVALID_JID"
  | "ERR_INVALID_TEXT"
  | "ERR_CLOSED"
  | "ERR_ABORTED";

/** A broken promise of our own code: a bug in Sotto, never a consequence of input. */
export class InternalError extends SottoError {
  readonly code = "ERR_INTERNAL";
}

/** States what must hold. Use only for what no input can break. */
export function invariant(condition: boolean, what: string): asserts condition {
  if (!condition) throw new InternalError(what);
}

/** The error of a connection that is no more, where nobody knows a better reason. @module */
import { TransportError } from "../errors.js";

/** `ERR_STREAM_CLOSED`, retryable. */
export function closedError(): TransportError {
  return new TransportError("ERR_STREAM_CLOSED", "the connection is closed", { retryable: true });
}

/** The error itself if it is ours, else {@link closedError}: nothing else passes the transport. */
export function asTransportError(error: unknown): TransportError {
  return error instanceof TransportError ? error : closedError();
}

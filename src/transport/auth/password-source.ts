/**
 * Asking the application for the password: whatever its code throws ends the attempt with one typed, permanent failure.
 * Threats N17 (no login that is tried for ever), H02: what an application's callback throws may hold the password, so it is not kept.
 * Not here: preparation of the password (prepare.ts), giving the wait up (connection/negotiation.ts).
 * @module
 */
import { SottoError } from "../../base/errors.js";
import { TransportError } from "../errors.js";
import { preparePassword } from "./prepare.js";

/** Where a password comes from. The signal fires when nobody waits for it any more. */
export type AskPassword = (request: { readonly signal: AbortSignal }) => string | Promise<string>;

/**
 * The password. An error of Sotto's own classes passes: a source that is only busy throws `ERR_AUTH_TEMPORARY` with `retryable: true`.
 * @throws TransportError `ERR_AUTH_PASSWORD_SOURCE` if the callback throws anything else, rejects, or gives nothing that can be a password
 */
export async function askPassword(source: AskPassword, signal: AbortSignal): Promise<string> {
  let password: unknown;
  try {
    password = await source({ signal });
  } catch (error) {
    if (error instanceof SottoError) throw error;
    throw noPassword("threw");
  }
  if (typeof password !== "string") throw noPassword("no-string");
  try {
    preparePassword(password);
  } catch {
    throw noPassword("unusable"); // most often empty, or read from a file with the line's end
  }
  return password;
}

function noPassword(reason: "threw" | "no-string" | "unusable"): TransportError {
  const what = reason === "unusable" ? "the password is empty or holds control characters, such as the end of a line" : "the application's password callback gave no password";
  return new TransportError("ERR_AUTH_PASSWORD_SOURCE", what, { details: { reason } });
}

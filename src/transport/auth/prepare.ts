/**
 * Preparation of passwords for SASL.
 * Spec: RFC 5802 section 2.2 asks for SASLprep (RFC 4013): spaces mapped, invisible characters dropped, NFKC (which folds widths). Its
 * successor OpaqueString (RFC 8265) gives the same result for all but compatibility characters; deployed servers store SASLprep.
 * Not here: user names, which are prepared as localparts (base/jid.ts). Threats N13.
 * @module
 */
import { UsageError } from "../../base/errors.js";

const spaces = /[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/gu; // RFC 3454 table C.1.2
// Table B.1. An alternation, since combining characters within a class read as mistakes.
const mappedToNothing = /\u00ad|\u034f|\u1806|[\u{180b}-\u{180d}]|[\u{200b}-\u{200c}]|\u200d|\u2060|[\u{fe00}-\u{fe0f}]|\ufeff/gu;
const forbidden = /[\u0000-\u001f\u007f-\u009f\u06dd\u070f\u180e\u2028\u2029\ufff9-\ufffd\ue000-\uf8ff]|\p{Surrogate}|\p{Noncharacter_Code_Point}/u;

/**
 * The prepared password.
 * @throws UsageError `ERR_INVALID_ARGUMENT` if nothing is left or a forbidden character stands in it.
 */
export function preparePassword(password: string): string {
  const prepared = password.replace(spaces, " ").replace(mappedToNothing, "").normalize("NFKC");
  if (prepared === "" || forbidden.test(prepared)) throw new UsageError("ERR_INVALID_ARGUMENT", "not a password: empty, or with control characters");
  return prepared;
}

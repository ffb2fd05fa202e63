/**
 * Device labels: shown only if the device itself has signed them.
 * Spec: XEP-0384 v0.9 #devices; docs/protocol.md 4.2: Ed25519 by the device's identity key over nothing but the UTF-8 of the label.
 * Threats T11, F20. Not here: signing. This device publishes no label, so nobody can make it sign 32 or 33 bytes that are a key.
 * @module
 */
import { utf8 } from "../base/bytes.js";
import type { IdentityKey } from "../crypto/identity-key.js";
import type { SessionContext } from "./context.js";
import type { ListedDevice } from "./ports.js";

// Controls, and what makes text look like another: direction marks, zero-width and other format characters.
const unfitForDisplay = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** The label of `listed` for display; `undefined` if there is none, or none that the owner of `identityKey` has signed. */
export async function verifiedLabel(context: SessionContext, identityKey: IdentityKey, listed: ListedDevice | undefined): Promise<string | undefined> {
  const { label, labelSignature } = listed ?? {};
  if (label === undefined || labelSignature === undefined) return undefined;
  if (!(await context.provider.curve.ed25519Verify(identityKey, utf8(label), labelSignature))) return undefined;
  const shown = label.replace(unfitForDisplay, "").trim();
  return shown === "" ? undefined : shown;
}

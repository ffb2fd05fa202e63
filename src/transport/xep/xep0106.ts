/**
 * XEP-0106 JID Escaping, v1.1.1: addresses of other networks as localparts, and back for display.
 * Addresses are compared and sent escaped only; unescaping is for human eyes.
 * @module
 */
import { localOf, parseBareJid, type BareJid } from "../../base/jid.js";

/** The feature by which an entity says that it understands escaped localparts (#disco). */
export const escapingFeature = "jid\\20escaping";

// The ten characters of #transforms; the backslash only where it would be read as the beginning of an escape.
const toEscape = /[ "&'/:<>@]|\\(?=20|22|26|27|2f|3a|3c|3e|40|5c)/g;
// A space at either end is never written, so it is never read either: it would make one address look like another (threats F20).
const toUnescape = /(?!^\\20|\\20$)\\(20|22|26|27|2f|3a|3c|3e|40|5c)/g;

/**
 * `text` as a localpart; `undefined` if it cannot be one: empty, or with a space at an end.
 * Mapped first as a localpart is, so that a wide form of a character is no way around the escaping.
 */
export function escapeLocal(text: string): string | undefined {
  const mapped = text.normalize("NFKC").toLowerCase().normalize("NFC");
  if (mapped === "" || mapped.startsWith(" ") || mapped.endsWith(" ")) return undefined;
  return mapped.replace(toEscape, (character) => `\\${character.charCodeAt(0).toString(16)}`);
}

/** A localpart as its owner knows it. Not an address: for display only. */
export function unescapeLocal(local: string): string {
  return local.replace(toUnescape, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

/** The address of `foreign`, a user of another network, at `gateway`; `undefined` if there is none. */
export function escapedJid(foreign: string, gateway: BareJid): BareJid | undefined {
  const local = escapeLocal(foreign);
  const jid = local === undefined ? undefined : parseBareJid(`${local}@${gateway}`);
  // What the preparation of addresses changes beyond the mapping above would name somebody else.
  return jid !== undefined && localOf(jid) === local ? jid : undefined;
}

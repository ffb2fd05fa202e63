/**
 * XEP-0384 OMEMO Encryption, v0.9.1 and v0.3 ("legacy"): the element <encrypted/>.
 * Spec: #usecases-messagesend; what real peers write differently: everything tolerated here is tolerated because of them.
 * Not here: device lists and bundles (xep0384-directory.ts), which entry is ours and what its bytes mean (session/).
 * @module
 */
import { fromBase64, toBase64 } from "../../base/base64.js";
import { isFullJid, parseJid, type BareJid } from "../../base/jid.js";
import { findChild, findChildren, textOf, xml, type XmlElement } from "../../base/xml.js";
import type { EncryptedKey, EncryptedMessage } from "../../session/encrypted-message.js";
import { parseDeviceId, type DeviceId } from "../../session/ports.js";
import { childText, given, parseBoolean, parseInteger } from "./fields.js";
import { legacyNamespace, omemo2Namespace } from "./namespaces.js";

/** A device id as it stands in an attribute: decimal, 1 … 2^31 - 1. */
export function parseDeviceIdText(text: string | undefined): DeviceId | undefined {
  const value = parseInteger(text, 1, 0x7fff_ffff);
  return value === undefined ? undefined : parseDeviceId(value);
}

/** Writes `message`. Nothing is added that the schema of the XEP lacks: peers that validate would drop the element. */
export function encodeEncrypted(message: EncryptedMessage): XmlElement {
  const ns = message.namespace;
  const header = ns === omemo2Namespace
    ? xml(ns, "header", { sid: message.sid }, ...keysByAccount(message.keys))
    : xml(ns, "header", { sid: message.sid }, ...message.keys.map(legacyKey), legacyIv(message));
  const payload = message.payload === undefined ? undefined : xml(ns, "payload", {}, toBase64(message.payload));
  return xml(ns, "encrypted", {}, header, payload);
}

// `kex` is left out when false: some peers take any value of it for true.
const flag = (kex: boolean): "true" | undefined => (kex ? "true" : undefined);

function keysByAccount(keys: readonly EncryptedKey[]): XmlElement[] {
  const accounts = new Map<BareJid | undefined, EncryptedKey[]>();
  for (const key of keys) {
    const group = accounts.get(key.jid);
    if (group === undefined) accounts.set(key.jid, [key]);
    else group.push(key);
  }
  return [...accounts].map(([jid, group]) => xml(omemo2Namespace, "keys", { jid }, ...group.map(
    (key) => xml(omemo2Namespace, "key", { rid: key.rid, kex: flag(key.kex) }, toBase64(key.data)),
  )));
}

function legacyKey(key: EncryptedKey): XmlElement {
  return xml(legacyNamespace, "key", { rid: key.rid, prekey: flag(key.kex) }, toBase64(key.data));
}

function legacyIv(message: EncryptedMessage): XmlElement | undefined {
  return message.iv === undefined ? undefined : xml(legacyNamespace, "iv", {}, toBase64(message.iv));
}

/**
 * Reads an <encrypted/> of either version; `undefined` without header or usable `sid`.
 * A key or payload that is not base64 stays in the result as zero bytes: it was meant for somebody and is a failure for
 * them, while others find that it is not for them (threats C07, R16). `kex` is only what the sender claims (threats R17).
 */
export function decodeEncrypted(element: XmlElement): EncryptedMessage | undefined {
  const namespace = element.ns;
  if (element.name !== "encrypted" || (namespace !== omemo2Namespace && namespace !== legacyNamespace)) return undefined;
  const header = findChild(element, namespace, "header");
  const sid = parseDeviceIdText(header?.attrs["sid"]);
  if (header === undefined || sid === undefined) return undefined;
  const payload = childText(element, namespace, "payload");
  const iv = namespace === legacyNamespace ? childText(header, namespace, "iv") : undefined;
  return {
    namespace,
    sid,
    keys: namespace === omemo2Namespace ? readOmemo2Keys(header) : readKeys(header, namespace, "prekey"),
    ...given({
      payload: payload === undefined ? undefined : fromBase64(payload) ?? new Uint8Array(0),
      iv: iv === undefined ? undefined : fromBase64(iv),
    }),
  };
}

function readOmemo2Keys(header: XmlElement): EncryptedKey[] {
  const keys: EncryptedKey[] = [];
  for (const group of findChildren(header, omemo2Namespace, "keys")) { // several groups of one account are possible
    const jid = parseJid(group.attrs["jid"] ?? "");
    if (jid === undefined || isFullJid(jid)) continue;
    for (const key of readKeys(group, omemo2Namespace, "kex")) keys.push({ jid, ...key });
  }
  return keys;
}

function readKeys(parent: XmlElement, namespace: string, flagName: "kex" | "prekey"): EncryptedKey[] {
  const keys: EncryptedKey[] = [];
  for (const element of findChildren(parent, namespace, "key")) {
    const rid = parseDeviceIdText(element.attrs["rid"]);
    if (rid === undefined) continue;
    const kex = parseBoolean(element.attrs[flagName]) ?? false;
    keys.push({ rid, kex, data: fromBase64(textOf(element)) ?? new Uint8Array(0) });
  }
  return keys;
}

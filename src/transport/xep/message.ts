/**
 * RFC 6121 section 5: message stanzas as Sotto sends and reads them around an OMEMO <encrypted/>.
 * Spec: XEP-0384 #usecases-messagesend, XEP-0420 #rules (no fallback body, hence the storage hint).
 * Not here: decryption and the content that it brings to light (session/), who is allowed to send what (client/).
 * @module
 */
import { parseJid, type BareJid, type Jid } from "../../base/jid.js";
import { findChildren, isElement, xml, type XmlElement } from "../../base/xml.js";
import type { EncryptedMessage } from "../../session/encrypted-message.js";
import { given } from "./fields.js";
import { clientNamespace, legacyNamespace, omemo2Namespace } from "./namespaces.js";
import { readDelays, type Delay } from "./xep0203.js";
import { encodeHint } from "./xep0334.js";
import { encodeOriginId, readOriginId } from "./xep0359.js";
import { encodeEncryptionMark } from "./xep0380.js";
import { decodeEncrypted, encodeEncrypted } from "./xep0384.js";

/** Types of RFC 6121 section 5.2.2. */
export type MessageType = "chat" | "error" | "groupchat" | "headline" | "normal";

/**
 * A chat message that carries `message` and nothing that could be read without decrypting it.
 * `store: false` for messages that only keep a session alive and need no archive.
 */
export function encryptedMessage(parts: {
  readonly to: Jid; readonly id: string; readonly message: EncryptedMessage; readonly store?: boolean;
}): XmlElement {
  return xml(clientNamespace, "message", { to: parts.to, id: parts.id, type: "chat" },
    encodeEncrypted(parts.message),
    encodeEncryptionMark(parts.message.namespace, "OMEMO"),
    encodeOriginId(parts.id),
    encodeHint(parts.store === false ? "no-store" : "store"));
}

/** A chat message in plain text: only where somebody asked for exactly that. */
export function plainMessage(parts: { readonly to: Jid; readonly id: string; readonly text: string }): XmlElement {
  return xml(clientNamespace, "message", { to: parts.to, id: parts.id, type: "chat" },
    xml(clientNamespace, "body", {}, parts.text),
    encodeOriginId(parts.id));
}

/** A message stanza, its address fields prepared. */
export interface MessageStanza {
  /** Absent when the stanza has none: then it is from the own account (RFC 6120 section 8.1.2.1). */
  readonly from?: Jid;
  readonly to?: Jid;
  readonly id?: string;
  readonly type: MessageType;
  readonly originId?: string;
  readonly delays: readonly Delay[];
  /** Readable <encrypted/> elements, omemo:2 first (XEP-0384: one stanza may carry both versions). */
  readonly encrypted: readonly EncryptedMessage[];
  /** True if there is an <encrypted/>, readable or not: then the body beside it is a fallback and not content. */
  readonly claimsEncryption: boolean;
}

/** Reads a message stanza; `undefined` if it is none, or if an address in it is malformed (threats P16). */
export function readMessage(stanza: XmlElement): MessageStanza | undefined {
  if (!isElement(stanza, clientNamespace, "message")) return undefined;
  const from = address(stanza.attrs["from"]);
  const to = address(stanza.attrs["to"]);
  if (from === null || to === null) return undefined;
  const elements = [omemo2Namespace, legacyNamespace].flatMap((namespace) => findChildren(stanza, namespace, "encrypted"));
  return {
    type: messageType(stanza.attrs["type"]),
    delays: readDelays(stanza),
    encrypted: elements.flatMap((element) => decodeEncrypted(element) ?? []),
    claimsEncryption: elements.length > 0,
    ...given({ from, to, id: stanza.attrs["id"], originId: readOriginId(stanza) }),
  };
}

// undefined: not given; null: given and malformed.
function address(text: string | undefined): Jid | undefined | null {
  return text === undefined ? undefined : (parseJid(text) ?? null);
}

const types: ReadonlySet<string> = new Set<MessageType>(["chat", "error", "groupchat", "headline", "normal"]);

// RFC 6121 section 5.2.2: an unknown type is treated as "normal".
function messageType(text: string | undefined): MessageType {
  return text !== undefined && types.has(text) ? (text as MessageType) : "normal";
}

/** The sender's bare address: the stanza's own, or `account` when it has none. */
export function senderOf(message: MessageStanza, account: BareJid): Jid {
  return message.from ?? account;
}
